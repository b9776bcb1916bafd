#include "net/socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include <chrono>
#include <thread>
#include <vector>

using namespace enforcer;
using namespace enforcer::net;

TEST_CASE("a_listener_tells_how_many_connections_wait") {
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    const Fd listener(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));  // dual-stack, as hostd's are
    sockaddr_in6 place{};
    place.sin6_family = AF_INET6;
    socklen_t size = sizeof place;
    REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&place), size) == 0);
    REQUIRE(listen(listener.get(), 100) == 0);
    REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&place), &size) == 0);
    sockaddr_in four{
        .sin_family = AF_INET, .sin_port = place.sin6_port, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    place.sin6_addr = in6addr_loopback;
    const bool is_four = family == AF_INET;

    CHECK(accept_queue_length(listener.get()) == 0);
    std::vector<Fd> clients;
    for (std::size_t waiting = 1; waiting <= 70; ++waiting) {
      clients.emplace_back(socket(family, SOCK_STREAM, 0));
      const auto* to = is_four ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&place);
      REQUIRE(connect(clients.back().get(), to, is_four ? sizeof four : sizeof place) == 0);
      // The client knows first: the listener's side of the handshake may be a moment behind.
      for (int i = 0; i < 1000 && accept_queue_length(listener.get()) != waiting; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      REQUIRE(accept_queue_length(listener.get()) == waiting);
    }
    clients.pop_back();  // who left again waits still: accept(2) gives a connection that has ended
    CHECK(accept_queue_length(listener.get()) == 70);
    for (std::size_t left = 70; left > 0; --left) {
      REQUIRE(accept_queue_length(listener.get()) == left);
      REQUIRE(accept_one(listener.get()).value().has_value());
    }
    CHECK(accept_queue_length(listener.get()) == 0);
    CHECK_FALSE(accept_one(listener.get()).value().has_value());
  }
  CHECK(accept_queue_length(-1) > 1'000'000);  // not known: as many as can be
}
