// The addresses in a server's response to one of our own queries.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "base/result.h"
#include "dns/message.h"

namespace enforcer::dns {

struct FoundAddresses {
  std::vector<IpAddress> addresses;  ///< may be empty: the name has none of this type
  std::uint32_t ttl = 0;             ///< seconds, the smallest of the records used
};

/// The addresses of `type` (kA or kAaaa) at the end of the CNAME chain that starts at `name`, within this response.
/// Records with another owner are as if they were not there (attack: out-of-bailiwick extras). kUnavailable: the
/// response cannot be read.
[[nodiscard]] Result<FoundAddresses> read_addresses(Bytes response, const HostName& name, Type type);

}  // namespace enforcer::dns
