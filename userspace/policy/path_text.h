// Paths in policies: rules are matched against the normalised path (http/path.h makes it), so what normalisation
// removes or changes could never match and is refused where it is written.
#pragma once

#include <string_view>

namespace enforcer::policy {

/// "/repos/acme/%2Fx": nothing would change if it were normalised once more.
[[nodiscard]] bool is_normalised_path(std::string_view text);

/// The same, where "**" is a whole segment or does not stand at all.
[[nodiscard]] bool is_path_pattern(std::string_view text);

}  // namespace enforcer::policy
