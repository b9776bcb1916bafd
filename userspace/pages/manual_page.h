// The reference as manual pages: roff with the man(7) macros.
#pragma once

#include <string>

namespace enforcer::pages {

[[nodiscard]] std::string policy_manual();      ///< enforcer-policy(5)
[[nodiscard]] std::string credential_manual();  ///< enforcer-credential(5)

}  // namespace enforcer::pages
