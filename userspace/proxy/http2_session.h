// HTTP/2 with a guest: every stream is a request that is decided, recorded and carried out by itself (invariant 12), as
// many at the same time as the guest's limits let it have. Streams of one connection share nothing but the connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "net/byte_stream.h"
#include "policy/facts.h"

namespace enforcer::proxy {

class GuestConnection;

/// Serves streams until one side ends it. The parameters are those of serve_http1() (http1_session.h).
boost::asio::awaitable<void> serve_http2(GuestConnection& connection, net::ByteStream& guest,
                                         policy::RequestFacts::Transport transport, std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
