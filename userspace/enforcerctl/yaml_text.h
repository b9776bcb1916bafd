// Text inside a YAML file that we write. What a guest chose reaches a file only through these: as a comment that stays
// one line, or as a value that was found to be harmless before.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::ctl {

inline constexpr std::size_t kLongestComment = 160;

/// Any text, fit to stand behind '#': printable ASCII in one line, the rest as \xNN; long ones cut in the middle.
[[nodiscard]] std::string yaml_comment(std::string_view text);

/// The same for texts that are ours or came through escape_untrusted() already: uncut.
[[nodiscard]] std::string comment_line(std::string_view text);

/// As a double-quoted scalar (YAML 1.2.2, 7.3.1), whatever it holds.
[[nodiscard]] std::string yaml_quoted(std::string_view text);

/// The value as a block of YAML with its last newline, in ASCII: what a JSON of it says, for people.
[[nodiscard]] std::string yaml_document(const nlohmann::json& value);

/// ["a", "b"]
[[nodiscard]] std::string yaml_list(const std::vector<std::string>& texts);

}  // namespace enforcer::ctl
