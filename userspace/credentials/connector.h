// Connector: how a connection of enforcerd's own leaves the host, to a server that the operator has named.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "net/async_socket.h"

namespace enforcer::credentials {

class Connector {
 public:
  Connector() = default;
  virtual ~Connector() = default;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// What is sent over it reaches that host, as far as the network is to be believed: who asks verifies it. kTimeout:
  /// the deadline passed; any other error says what failed, and the caller names the host.
  virtual boost::asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> connect(HostName host, Port port,
                                                                                    Deadline deadline) = 0;
  /// What is under way ends now, and what comes later at once, with kUnavailable.
  virtual void stop() = 0;
};

}  // namespace enforcer::credentials
