// What the host says on the kernel's command line: enforcer.name, .ipv4, .gateway4, .ipv6, .gateway6.
#pragma once

#include <optional>
#include <string>

#include "base/ip.h"

namespace enforcer::guest {

struct BootParameters {
  std::string name = "guest";
  std::optional<IpAddress> ipv4;
  std::optional<IpAddress> gateway_ipv4;  ///< also the resolver
  std::optional<IpAddress> ipv6;
  std::optional<IpAddress> gateway_ipv6;
};

/// What is missing or cannot be read stays at its default.
BootParameters read_boot_parameters(const char* command_line_file);

}  // namespace enforcer::guest
