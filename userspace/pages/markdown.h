// The reference as Markdown.
#pragma once

#include <string>

namespace enforcer::pages {

[[nodiscard]] std::string policy_reference();  ///< policies and credentials
[[nodiscard]] std::string config_reference();

}  // namespace enforcer::pages
