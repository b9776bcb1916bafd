// What is to be known of this host and of the two services on it, as text for people.
#pragma once

#include <string>

namespace enforcer::ctl {

/// Kernel, distribution, memory, load, and the settings of the kernel that Enforcer depends on. A file that cannot be
/// read is named with its error.
[[nodiscard]] std::string system_facts();

/// What the service manager knows of the daemons.
[[nodiscard]] std::string unit_states();

}  // namespace enforcer::ctl
