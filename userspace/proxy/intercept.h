// Interception: a rule needs to see the requests, so TLS ends here and begins anew towards the origin. The guest is
// shown a certificate of its own CA for exactly the name decided on; the origin hears nothing until a request is
// allowed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "tls/stream.h"

namespace enforcer::proxy {

class GuestConnection;
struct Seen;

/// `received` begins with the ClientHello, whose server name is the host of the connection's facts. Null: no TLS came
/// of it, which is recorded. The deadline for the first request has begun.
boost::asio::awaitable<std::unique_ptr<tls::Stream>> intercept(GuestConnection& conversation, const Seen& seen,
                                                               std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
