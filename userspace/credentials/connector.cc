#include "credentials/connector.h"

#include "credentials/interrupt_at.h"
#include "dns/resolver.h"
#include "net/connect_race.h"

namespace enforcer::credentials {

namespace asio = boost::asio;

asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> DirectConnector::connect(HostName host, Port port,
                                                                                    Deadline deadline) {
  const auto found = co_await resolver_.resolve(std::move(host), deadline);
  if (!found) co_return std::unexpected(found.error());
  net::ConnectRace race(io_, poller_, wheel_);
  const InterruptAt guard(wheel_, deadline, race);
  auto winner = co_await race.run(found->addresses, port);
  if (!winner) co_return std::unexpected(std::move(winner).error());
  co_return std::move(winner->socket);
}

}  // namespace enforcer::credentials
