// DNS over TCP (RFC 7766): the same answers as over UDP, framed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

namespace enforcer::proxy {

class GuestConnection;

boost::asio::awaitable<void> serve_dns_stream(std::unique_ptr<GuestConnection> connection);

}  // namespace enforcer::proxy
