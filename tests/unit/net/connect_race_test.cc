// Addresses of this machine only: what answers is a listener, what refuses is a port that is bound only, and what does
// not answer is a listener whose queue is full.
#include "net/connect_race.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <vector>

#include "net/socket.h"

namespace asio = boost::asio;
using namespace enforcer;
using namespace enforcer::net;
using namespace std::chrono_literals;

namespace {

const IpAddress kSix = *IpAddress::parse("::1");
const IpAddress kFour = *IpAddress::parse("127.0.0.1");
const IpAddress kOther = *IpAddress::parse("127.0.0.2");
const std::array kAddresses = {kSix, kFour, kOther};

/// One port at all three addresses: they refuse until they listen.
struct Origin {
  Origin() {
    // The first address chooses a port, which another program may have at the next one.
    for (int tries = 0; tries < 100 && sockets.size() < kAddresses.size(); ++tries) {
      sockets.clear();
      port = Port{0};
      while (sockets.size() < kAddresses.size() && bind_next()) continue;
    }
    REQUIRE(sockets.size() == kAddresses.size());
  }
  void listen(const IpAddress& address, int backlog = 8) { REQUIRE(::listen(at(address), backlog) == 0); }
  /// It does not answer: its queue has room for one, nobody accepts, and the kernel drops further SYNs.
  void be_mute(const IpAddress& address) {
    listen(address, 0);
    waiting.push_back(start_connect({address, port}).value());
    pollfd queue{.fd = at(address), .events = POLLIN, .revents = 0};
    REQUIRE(poll(&queue, 1, 10'000) == 1);
  }
  bool accept(const IpAddress& address) { return accept_one(at(address)).value().has_value(); }
  bool accept_within(const IpAddress& address, std::chrono::milliseconds patience) {
    pollfd queue{.fd = at(address), .events = POLLIN, .revents = 0};
    return poll(&queue, 1, static_cast<int>(patience.count())) == 1 && accept(address);
  }
  Port port{};

 private:
  bool bind_next() {
    Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const SocketAddress wanted = to_socket_address({kAddresses.at(sockets.size()), port});
    if (bind(socket.get(), wanted.get(), wanted.length) != 0) return false;
    sockaddr_in6 bound{};
    socklen_t length = sizeof(bound);
    REQUIRE(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    port = Port{ntohs(bound.sin6_port)};
    sockets.push_back(std::move(socket));
    return true;
  }
  [[nodiscard]] int at(const IpAddress& address) const {
    return sockets.at(static_cast<std::size_t>(std::ranges::find(kAddresses, address) - kAddresses.begin())).get();
  }
  std::vector<Fd> sockets;  ///< in the order of kAddresses
  std::vector<Fd> waiting;
};

/// One race on a loop of its own, which turns the wheel as a worker does.
struct Track {
  Track() : poller(Poller::make(io).value()), race(io, *poller, wheel), ticks(io) { tick(); }
  void tick() {
    ticks.expires_after(TimerWheel::kTick);
    ticks.async_wait([this](boost::system::error_code error) {
      if (error) return;
      wheel.advance(Monotonic::now());
      tick();
    });
  }
  /// "127.0.0.1", or the error's message.
  std::string run(std::vector<IpAddress> addresses, Port port) {
    std::string outcome = "(no end)";
    auto racing = [&]() -> asio::awaitable<void> {
      auto winner = co_await race.run(addresses, port, FirstWord::kAnybody);
      outcome = winner ? winner->address.to_string() : winner.error().message;
      if (winner) took = winner->took;
      io.stop();
    };
    const auto start = Monotonic::now();
    asio::co_spawn(io, racing, asio::detached);
    io.run_for(30s);
    elapsed = Monotonic::now() - start;
    return outcome;
  }
  asio::io_context io;
  std::unique_ptr<Poller> poller;
  TimerWheel wheel;
  ConnectRace race;
  asio::steady_timer ticks;
  Monotonic::duration elapsed{};
  Monotonic::duration took{};
};

}  // namespace

TEST_CASE("families_take_turns_and_ipv6_begins") {
  const auto ip = [](const char* text) { return *IpAddress::parse(text); };
  const std::vector<IpAddress> ordered =
      in_turn({ip("192.0.2.1"), ip("192.0.2.2"), ip("192.0.2.3"), ip("2001:db8::1"), ip("2001:db8::2")});
  const std::vector<IpAddress> expected = {ip("2001:db8::1"), ip("192.0.2.1"), ip("2001:db8::2"), ip("192.0.2.2"),
                                           ip("192.0.2.3")};
  CHECK(ordered == expected);
  CHECK(in_turn({}).empty());
}

TEST_CASE("the_first_address_that_answers_is_the_only_one_asked") {
  Origin origin;
  origin.listen(kSix);
  origin.listen(kFour);
  CHECK(Track().run({kFour, kSix}, origin.port) == "::1");
  CHECK_FALSE(origin.accept(kFour));
}

TEST_CASE("an_address_that_refuses_is_passed_over_at_once") {
  Origin origin;
  origin.listen(kFour);
  CHECK(Track().run({kSix, kFour}, origin.port) == "127.0.0.1");
}

TEST_CASE("an_address_that_does_not_answer_costs_a_moment") {
  Origin origin;
  origin.be_mute(kSix);
  origin.listen(kFour);
  Track track;
  CHECK(track.run({kFour, kSix}, origin.port) == "127.0.0.1");
  CHECK(track.elapsed >= ConnectRace::kAttemptDelay - TimerWheel::kTick);
  CHECK(track.took < track.elapsed);  // the winner's own time, not that of the address before
}

TEST_CASE("the_slow_one_wins_where_the_others_fail") {
  Origin origin;
  origin.be_mute(kSix);
  Track track;
  asio::steady_timer later(track.io, 600ms);  // the addresses after it have refused by then
  later.async_wait([&](boost::system::error_code) { CHECK(origin.accept(kSix)); });  // room for the SYN sent again
  CHECK(track.run({kSix, kFour, kOther}, origin.port) == "::1");
}

TEST_CASE("when_all_fail_the_last_error_is_told") {
  const Origin origin;
  CHECK(Track().run({kFour, kSix}, origin.port).find("refused") != std::string::npos);
  CHECK(Track().run({}, origin.port) == "no address to connect to");
}

TEST_CASE("a_race_that_is_won_at_once_lets_the_others_begin_first") {
  Origin origin;
  origin.listen(kSix);
  Track track;
  std::vector<std::string> told;
  ConnectRace other(track.io, *track.poller, track.wheel);
  auto racing = [&](ConnectRace& race, std::string_view name) -> asio::awaitable<void> {
    told.push_back(fmt::format("{} begins", name));
    const auto winner = co_await race.run({kSix}, origin.port, FirstWord::kWe);
    told.push_back(fmt::format("{} {}", name, winner ? "won" : "lost"));
    if (told.size() == 4) track.io.stop();
  };
  asio::co_spawn(track.io, racing(track.race, "one"), asio::detached);
  asio::co_spawn(track.io, racing(other, "two"), asio::detached);
  track.io.run_for(10s);
  CHECK(told == std::vector<std::string>{"one begins", "two begins", "one won", "two won"});
}

TEST_CASE("a_race_that_was_won_at_once_can_still_be_interrupted") {
  Origin origin;
  origin.listen(kSix);
  Track track;
  // Twice: after the race has begun, before what it has posted.
  asio::post(track.io, [&] { asio::post(track.io, [&] { track.race.interrupt(Errc::kDenied); }); });
  CHECK(track.run({kSix}, origin.port) == "interrupted");
  CHECK(origin.accept_within(kSix, 10s));  // it had begun
}

TEST_CASE("the_last_packet_of_the_handshake_waits_for_our_first_word") {
  Origin origin;
  origin.listen(kFour);
  const Endpoint endpoint{kFour, origin.port};
  const Fd ours = start_connect(endpoint, FirstWord::kWe).value();
  REQUIRE(is_connected(ours.get()));
  CHECK_FALSE(origin.accept(kFour));
  REQUIRE(send(ours.get(), "hello", 5, 0) == 5);
  CHECK(origin.accept_within(kFour, 10s));
  const Fd anybodys = start_connect(endpoint).value();  // the control
  CHECK(origin.accept_within(kFour, 10s));
}

TEST_CASE("a_connection_that_nobody_answers_is_not_connected") {
  Origin origin;
  origin.be_mute(kSix);
  const Fd waiting = start_connect({kSix, origin.port}).value();
  CHECK_FALSE(is_connected(waiting.get()));
}

TEST_CASE("an_interrupted_race_ends") {
  Origin origin;
  origin.be_mute(kSix);
  Track track;
  asio::post(track.io, [&] { track.race.interrupt(Errc::kTimeout); });
  CHECK(track.run({kSix}, origin.port) == "interrupted");
  Track early;
  early.race.interrupt(Errc::kTimeout);
  CHECK(early.run({kSix}, origin.port) == "interrupted");
}
