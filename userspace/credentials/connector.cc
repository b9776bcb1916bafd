#include "credentials/connector.h"

#include "dns/resolver.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> DirectConnector::connect(HostName host, Port port,
                                                                                    Deadline deadline) {
  const auto found = co_await resolver_.resolve(std::move(host), deadline);
  if (!found) co_return std::unexpected(found.error());
  if (stopped_) co_return fail(Errc::kUnavailable, "enforcerd ends");
  net::ConnectRace race(io_, poller_, wheel_);
  const InterruptAt guard(wheel_, deadline, race, races_);
  auto winner = co_await race.run(found->addresses, port);
  if (!winner) co_return std::unexpected(std::move(winner).error());
  co_return std::move(winner->socket);
}

/// The resolver is its owner's to stop.
void DirectConnector::stop() {
  stopped_ = true;
  for (auto* race : races_) race->interrupt(Errc::kUnavailable);
}

}  // namespace enforcer::credentials
