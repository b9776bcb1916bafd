// What the host says on the kernel's command line: enforcer.name, .ipv4, .gateway4, .ipv6, .gateway6, .root, .user and
// any number of .workspace.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"

namespace enforcer::guest {

struct BootParameters {
  std::string name = "guest";
  std::optional<IpAddress> ipv4;
  std::optional<IpAddress> gateway_ipv4;  ///< also the resolver
  std::optional<IpAddress> ipv6;
  std::optional<IpAddress> gateway_ipv6;
  std::string root;                     ///< "erofs": see enter_root(); empty: there is only the initramfs
  std::string user;                     ///< "UID:GID", see make_user(); empty: commands run as root
  std::vector<std::string> workspaces;  ///< "TAG:rw|ro:PATH", see parse_workspace(), in the order given
};

/// Of an address, what is missing or cannot be read is not there; who acts on the texts judges them.
BootParameters read_boot_parameters(const char* command_line_file);

}  // namespace enforcer::guest
