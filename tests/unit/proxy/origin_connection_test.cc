#include "proxy/origin_connection.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

using namespace enforcer;
using namespace enforcer::proxy;
using Ask = OriginConnection::Ask;

namespace {

struct Kept {
  Kept() : poller(net::Poller::make(io).value()) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    origin = Fd(ends[1]);
    auto socket = net::AsyncSocket::make(io, *poller, Fd(ends[0])).value();
    // As after a response: everything was read, and the socket said that there is no more.
    std::uint8_t byte = 0;
    REQUIRE_FALSE(socket->try_read({&byte, 1}).has_value());
    connection = std::make_unique<OriginConnection>(OriginKey{}, std::move(socket), nullptr, IpAddress::v4(1),
                                                    CheckedAddresses{});
  }
  void let_events_pass() {
    io.restart();
    io.run_for(std::chrono::milliseconds(10));
  }

  boost::asio::io_context io;
  std::unique_ptr<net::Poller> poller;
  Fd origin;
  std::unique_ptr<OriginConnection> connection;
};

}  // namespace

TEST_CASE("an_idle_connection_is_quiet") {
  Kept kept;
  CHECK(kept.connection->quiet(Ask::kPoller));
  CHECK(kept.connection->quiet(Ask::kSocket));
  kept.let_events_pass();
  CHECK(kept.connection->quiet(Ask::kPoller));
}

TEST_CASE("an_end_that_the_poller_has_not_told_is_found_by_asking_the_socket") {
  Kept kept;
  kept.origin.reset();
  CHECK(kept.connection->quiet(Ask::kPoller));  // what may be sent twice takes the risk
  CHECK_FALSE(kept.connection->quiet(Ask::kSocket));
}

TEST_CASE("an_end_or_octets_that_the_poller_has_told_end_it_whoever_is_asked") {
  for (const bool octets : {false, true}) {
    Kept kept;
    if (octets) {
      REQUIRE(write(kept.origin.get(), "x", 1) == 1);
    } else {
      kept.origin.reset();
    }
    kept.let_events_pass();
    CHECK_FALSE(kept.connection->quiet(Ask::kPoller));
  }
}
