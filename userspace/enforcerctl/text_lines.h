// Lines and words of configuration files, as views into the text.
#pragma once

#include <string_view>
#include <vector>

namespace enforcer::ctl {

/// Without their newlines and carriage returns; the line number is the index + 1.
[[nodiscard]] std::vector<std::string_view> file_lines(std::string_view text);
/// Without blanks and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// Separated by blanks, tabs and newlines.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view text);

}  // namespace enforcer::ctl
