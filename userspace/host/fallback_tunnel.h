// Loading a tunnel's module makes one device of it in every network namespace of the host
// (net.core.fb_tunnels_only_for_init_net is 0 by default), which can be neither removed nor moved. It carries nothing
// until somebody configures it, and then what it sends leaves by the namespace's other interfaces, as a protocol that
// guest_egress drops. So it is no second way out, and nobody did anything to a guest's namespace.
#pragma once

#include "host/rtnl.h"

namespace enforcer::host {

/// By name and kind together, and without an end in another namespace: a tunnel that somebody moved here has that.
[[nodiscard]] bool is_fallback_tunnel(const Link& link);

}  // namespace enforcer::host
