#include "proxy/egress_connector.h"

#include <fmt/format.h>

#include "proxy/egress.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> EgressConnector::connect(HostName host, Port port,
                                                                                    Deadline deadline) {
  Egress& egress = worker_.egress();
  std::vector<IpAddress> addresses;
  if (!egress.proxied()) {
    auto found = co_await worker_.resolver().resolve(host, deadline);
    if (!found) co_return std::unexpected(std::move(found).error());
    addresses = std::move(found->addresses);
  }
  const auto hop = co_await egress.first_hop(std::move(addresses), port, deadline);
  if (stopped_) co_return fail(Errc::kUnavailable, "enforcerd ends");
  net::ConnectRace race(worker_.io(), worker_.poller(), worker_.wheel());
  std::optional<Result<net::ConnectRace::Winner>> winner;
  {
    const credentials::InterruptAt guard(worker_.wheel(), deadline, race, races_);
    winner = co_await race.run(hop.addresses, hop.port, net::FirstWord::kWe);
  }
  if (!*winner) {
    if (!egress.proxied()) co_return std::unexpected(winner->error());
    egress.report(egress.unreached(hop, winner->error()));
    co_return fail(winner->error().code, fmt::format("the proxy {} cannot be reached", egress.via()));
  }
  std::unique_ptr<net::AsyncSocket> socket = std::move((*winner)->socket);
  policy::Facts facts;
  facts.host = std::move(host);
  facts.port = port;
  const credentials::InterruptAt guard(worker_.wheel(), deadline, *socket, sockets_);
  const auto failure = co_await egress.open(*socket, std::move(facts), deadline);
  if (!failure) co_return socket;
  egress.report(*failure);
  co_return fail(Errc::kUnavailable, fmt::format("the proxy {}: {}", egress.via(), description(failure->fault)));
}

void EgressConnector::stop() {
  stopped_ = true;
  for (auto* race : races_) race->interrupt(Errc::kUnavailable);
  for (auto* socket : sockets_) socket->interrupt(Errc::kUnavailable);
}

}  // namespace enforcer::proxy
