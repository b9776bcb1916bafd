// TLS of a guest whose ClientHello was allowed (classifier.h). Passthrough is relayed untouched. What is forwarded is
// exactly what was inspected (invariant 7), and both directions are watched until the origin's ServerHello, because a
// HelloRetryRequest asks the guest for a second ClientHello, which must name the same server.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "tls/stream.h"

namespace enforcer::proxy {

class GuestConnection;
struct AllowedHello;

/// `received` begins with the hello. The TLS in which requests are to be served, where a rule needs to see them;
/// otherwise null, and everything was done: denied, failed, or relayed.
boost::asio::awaitable<std::unique_ptr<tls::Stream>> serve_tls(GuestConnection& conversation, AllowedHello allowed,
                                                               std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
