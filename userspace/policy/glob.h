// Globs: the patterns of values and paths. '*' is the only special character; there is no regular expression anywhere.
#pragma once

#include <string_view>

namespace enforcer::policy {

enum class Letters {
  kExact,
  kFolded,  ///< ASCII letters of either case are equal
};

/// '*' stands for any characters, none included. Time is at most the product of both lengths.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view text, Letters letters = Letters::kExact);

/// Segment by segment: "*" is one segment, "**" any number of them, none included; a '*' beside other characters stays
/// inside its segment. A slash at the end makes no difference on either side: origins seldom tell "/a/" from "/a", and
/// a deny must not be passed by adding one.
[[nodiscard]] bool path_matches(std::string_view pattern, std::string_view path, Letters letters = Letters::kExact);

}  // namespace enforcer::policy
