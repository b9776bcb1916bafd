// Kernel settings below /proc/sys/net, which belong to the calling thread's network namespace.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::host {

/// Writes "1" and the like to /proc/sys/net/<name>; `name` as in "ipv4/conf/all/arp_ignore".
Result<> set_sysctl(std::string_view name, std::string_view value);

/// Its value, without the newline.
[[nodiscard]] Result<std::string> sysctl(std::string_view name);

}  // namespace enforcer::host
