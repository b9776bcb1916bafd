// Names that are answered without asking anybody.
#pragma once

#include <array>

#include "base/host_name.h"
#include "base/ip.h"

namespace enforcer::dns {

/// "localhost" or a name below it (RFC 6761 6.3): always the loopback addresses, no rule needed, nothing issued.
[[nodiscard]] bool is_localhost(const HostName& name);

/// 127.0.0.1 and ::1, for make_addresses().
[[nodiscard]] std::array<IpAddress, 2> loopback_addresses();

/// A name below in-addr.arpa or ip6.arpa: answered make_no_such_name() whatever it stands for.
[[nodiscard]] bool is_reverse_name(const HostName& name);

}  // namespace enforcer::dns
