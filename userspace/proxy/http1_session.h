// HTTP/1 with a guest: every request on the connection is decided (invariant 12), one after the other; what is sent to
// the origin is the serialisation of exactly what was decided, with the credential that the rule names (invariants 6
// and 7), and every response is read as strictly as the request.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "proxy/http_guest.h"

namespace enforcer::proxy {

/// Serves requests until one side ends it. `received` is what was read of them already. The deadline for the first head
/// is the caller's.
boost::asio::awaitable<void> serve_http1(HttpGuest guest, std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
