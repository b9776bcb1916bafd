// HTTP/2 with a guest: every stream is a request that is decided, recorded and carried out by itself (invariant 12), as
// many at the same time as the guest's limits let it have. Streams of one connection share nothing but the connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "proxy/http_guest.h"

namespace enforcer::proxy {

/// Serves streams until one side ends it. The parameters are those of serve_http1() (http1_session.h).
boost::asio::awaitable<void> serve_http2(HttpGuest guest, std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
