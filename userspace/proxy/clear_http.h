// Clear HTTP/1: every request head on the connection is decided (invariant 12), and what is sent is the serialisation
// of exactly what was decided (invariant 7). Responses are relayed as they come.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "policy/facts.h"

namespace enforcer::proxy {

class Conversation;

/// `received` begins like a request.
boost::asio::awaitable<void> serve_clear_http(Conversation& conversation, policy::Facts facts,
                                              std::vector<std::uint8_t> received);

}  // namespace enforcer::proxy
