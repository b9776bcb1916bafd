// Connector: how a connection of enforcerd's own leaves the host, to a server that the operator has named.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "credentials/interrupt_at.h"
#include "net/async_socket.h"
#include "net/connect_race.h"

namespace enforcer::dns {
class Resolver;
}

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

/// To the host itself. No address is judged: the name is the operator's word, and a vault's address is mostly private.
class DirectConnector final : public Connector {
 public:
  /// All of one worker, and outlive it.
  DirectConnector(boost::asio::io_context& io, net::Poller& poller, net::TimerWheel& wheel, dns::Resolver& resolver)
      : io_(io), poller_(poller), wheel_(wheel), resolver_(resolver) {}

  boost::asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> connect(HostName host, Port port,
                                                                            Deadline deadline) override;
  void stop() override;

 private:
  boost::asio::io_context& io_;
  net::Poller& poller_;
  net::TimerWheel& wheel_;
  dns::Resolver& resolver_;
  InterruptAt<net::ConnectRace>::All races_;
  bool stopped_ = false;
};

}  // namespace enforcer::credentials
