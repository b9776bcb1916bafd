// The address guard: is this an address on the public internet? Asked for every address an origin's name resolves to,
// after resolution and before the connection (invariant 5), because a name proves nothing about where it points.
//
// The table is the IANA IPv4 and IPv6 Special-Purpose Address Registries (what they call "Globally Reachable: False",
// and what is reachable only by way of a translator), multicast, and the addresses at which clouds hand out
// credentials. An IPv6 address that embeds an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo) is judged by the
// worse of both.
#pragma once

#include <cstdint>

#include "base/ip.h"

namespace enforcer::policy {

enum class AddressVerdict : std::uint8_t {
  kGlobal,    ///< globally routable
  kPrivate,   ///< everything else: allowed only by a rule with `private: true`
  kMetadata,  ///< a cloud metadata service: denied whatever the rules say
};

[[nodiscard]] AddressVerdict judge_address(const IpAddress& address);

/// The verdict on a whole block, when one entry of the table covers all of it; kGlobal otherwise.
[[nodiscard]] AddressVerdict judge_block(const Cidr& block);

}  // namespace enforcer::policy
