// The few rtnetlink requests that init makes.
#pragma once

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::guest {

class RouteSocket {
 public:
  static Result<RouteSocket> open();

  Result<> set_up(unsigned interface);
  /// A host address (/32 or /128). An IPv6 one is used at once, without duplicate address detection.
  Result<> add_address(unsigned interface, const IpAddress& address);
  /// A route to that one address, directly on the link.
  Result<> add_link_route(unsigned interface, const IpAddress& destination);
  Result<> add_default_route(unsigned interface, const IpAddress& gateway);

 private:
  explicit RouteSocket(Fd socket) : socket_(std::move(socket)) {}
  template <class Body>
  class Request;
  Result<> ask(void* message, std::size_t size);

  Fd socket_;
};

}  // namespace enforcer::guest
