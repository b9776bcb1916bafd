// HTTP/1 with a guest: every request on the connection is decided (invariant 12), one after the other; what is sent to
// the origin is the serialisation of exactly what was decided, with the credential that the rule names (invariants 6
// and 7), and every response is read as strictly as the request.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "net/byte_stream.h"
#include "policy/facts.h"

namespace enforcer::proxy {

class GuestConnection;

/// Serves requests until one side ends it. `guest` carries the conversation's guest in clear or is TLS over it, which
/// `transport` says; `received` is what was read from it already. The deadline for the first head is the caller's.
boost::asio::awaitable<void> serve_http1(GuestConnection& connection, net::ByteStream& guest,
                                         policy::RequestFacts::Transport transport, std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
