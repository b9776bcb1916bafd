// Passthrough: TLS that is relayed untouched after its server name is known. What is forwarded is exactly what was
// inspected (invariant 7), and both directions are watched until the origin's ServerHello, because a HelloRetryRequest
// asks the guest for a second ClientHello, which must name the same server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "base/deadline.h"
#include "policy/facts.h"

namespace enforcer::proxy {

class GuestConnection;

/// `received` begins like TLS; `start` is when the first byte was waited for.
boost::asio::awaitable<void> serve_tls(GuestConnection& conversation, policy::Facts facts,
                                       std::vector<std::uint8_t> received, Monotonic::time_point start);

}  // namespace enforcer::proxy
