// Texts of a `Credential`: what its single values may be, and how one that is not is reported.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/https_url.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// E0105: "'…' is not …".
void report_value(Place place, std::string_view text, std::string_view why, std::string hint, Reader& reader);

[[nodiscard]] bool is_printable(std::string_view text);  ///< ASCII without control characters
[[nodiscard]] bool is_visible(std::string_view text);    ///< the same, without blanks, and not empty

/// A name of an environment variable: at most 128 of letters, digits and '_'.
[[nodiscard]] bool is_variable(std::string_view text);

/// "{}" stands in it exactly once.
[[nodiscard]] bool has_one_hole(std::string_view text);

/// 1-`longest` visible characters of ASCII. `what`: its key.
[[nodiscard]] std::optional<std::string> read_visible(const YamlNode& node, std::string_view what, std::size_t longest,
                                                      Reader& reader);
[[nodiscard]] std::optional<std::string> read_absolute_path(const YamlNode& node, std::string_view what,
                                                            Reader& reader);
[[nodiscard]] std::optional<HttpsUrl> read_https_url(const YamlNode& node, std::string_view what, Reader& reader);

}  // namespace enforcer::policy
