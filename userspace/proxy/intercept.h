// Interception: a rule needs to see the requests, so TLS ends here and begins anew towards the origin. The guest is
// shown a certificate of its own CA for exactly the name decided on; the origin hears nothing until a request is
// allowed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "policy/facts.h"

namespace enforcer::proxy {

class GuestConnection;
struct Seen;

/// `received` begins with the ClientHello, whose server name is facts.host.
boost::asio::awaitable<void> intercept(GuestConnection& conversation, policy::Facts facts, const Seen& seen,
                                       std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
