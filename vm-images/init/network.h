// The guest's network: eth0 with one address per family, everything through the gateway.
#pragma once

#include "base/result.h"
#include "boot_parameters.h"

namespace enforcer::guest {

/// Hostname, /etc/hostname, /etc/hosts.
Result<> name_guest(const BootParameters& parameters);

/// lo, eth0, routes and /etc/resolv.conf. The gateway is not in the guest's subnet (its address is a /32), so it gets a
/// route of its own before the default route names it.
Result<> configure_network(const BootParameters& parameters);

}  // namespace enforcer::guest
