// The names of refs, as git-check-ref-format(1) has them.
#pragma once

#include <string_view>

namespace enforcer::git {

/// "refs/heads/main": below "refs/", of at most 1,024 octets. Nothing that git would refuse as the name of a ref.
[[nodiscard]] bool is_ref_name(std::string_view text);

}  // namespace enforcer::git
