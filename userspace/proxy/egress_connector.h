// EgressConnector: connections of enforcerd's own, to vaults and token services, leave the host as those of guests do:
// directly, or through the operator's proxy. Their addresses are not judged: the name is the operator's word, and a
// vault's address is mostly private.
#pragma once

#include "credentials/connector.h"
#include "credentials/interrupt_at.h"
#include "net/connect_race.h"

namespace enforcer::proxy {

class Worker;

class EgressConnector final : public credentials::Connector {
 public:
  /// Outlives it.
  explicit EgressConnector(Worker& worker) : worker_(worker) {}

  boost::asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> connect(HostName host, Port port,
                                                                            Deadline deadline) override;
  /// The resolver is the worker's to stop.
  void stop() override;

 private:
  Worker& worker_;
  credentials::InterruptAt<net::ConnectRace>::All races_;
  credentials::InterruptAt<net::AsyncSocket>::All sockets_;
  bool stopped_ = false;
};

}  // namespace enforcer::proxy
