// Configuration as it may be shown to strangers: what looks like a secret is "***". A secret belongs into no
// configuration file, and some day one is in there; so this errs on the side of too much.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::config {

inline constexpr std::string_view kMasked = "***";

/// A YAML text written anew, without its comments, where this is masked: values of keys that are called like a secret
/// (password, token, …), arguments of commands, private keys, user information and query values of URLs, and words
/// that look random (20 or more characters, letters and digits mixed). A text that is no YAML is left out as a whole.
[[nodiscard]] std::string masked_yaml(std::string_view text);

/// One value by itself, by what it looks like.
[[nodiscard]] std::string masked_value(std::string_view value);

}  // namespace enforcer::config
