// Addresses of this machine only: what answers is a listener, what refuses is a port without one, and what does not
// answer is a listener whose queue is full.
#include "net/connect_race.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

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

/// A listener at an address; port 0 chooses one.
struct Listening {
  Listening(const IpAddress& address, Port port, int backlog)
      : socket(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    const SocketAddress at = to_socket_address({address, port});
    REQUIRE(bind(socket.get(), at.get(), at.length) == 0);
    REQUIRE(listen(socket.get(), backlog) == 0);
    sockaddr_in6 bound{};
    socklen_t length = sizeof(bound);
    REQUIRE(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &length) == 0);
    endpoint = {address, Port{ntohs(bound.sin6_port)}};
  }
  /// Nobody accepts: once the queue is full, the kernel drops further SYNs.
  void fill() {
    for (int i = 0; i < 3; ++i) waiting.push_back(start_connect(endpoint).value());
  }
  Fd socket;
  Endpoint endpoint;
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
  const Listening first(kSix, Port{0}, 8);
  const Listening second(kFour, first.endpoint.port, 8);
  CHECK(Track().run({kFour, kSix}, first.endpoint.port) == "::1");
  CHECK_FALSE(accept_one(second.socket.get()).value().has_value());
}

TEST_CASE("an_address_that_refuses_is_passed_over_at_once") {
  const Listening listening(kFour, Port{0}, 8);
  Track track;
  CHECK(track.run({kSix, kFour}, listening.endpoint.port) == "127.0.0.1");
}

TEST_CASE("an_address_that_does_not_answer_costs_a_moment") {
  Listening mute(kSix, Port{0}, 0);
  mute.fill();
  const Listening listening(kFour, mute.endpoint.port, 8);
  Track track;
  CHECK(track.run({kFour, kSix}, mute.endpoint.port) == "127.0.0.1");
  CHECK(track.elapsed >= ConnectRace::kAttemptDelay - TimerWheel::kTick);
  CHECK(track.took < track.elapsed);  // the winner's own time, not that of the address before
}

TEST_CASE("the_slow_one_wins_where_the_others_fail") {
  Listening slow(kSix, Port{0}, 0);
  slow.fill();
  Track track;
  asio::steady_timer later(track.io, 600ms);  // the address after it has refused by then
  later.async_wait([&](boost::system::error_code) {
    while (accept_one(slow.socket.get()).value().has_value()) continue;  // now the kernel takes the SYN sent again
  });
  CHECK(track.run({kSix, kFour, kOther}, slow.endpoint.port) == "::1");
}

TEST_CASE("when_all_fail_the_last_error_is_told") {
  Endpoint free;
  {
    const Listening gone(kFour, Port{0}, 8);
    free = gone.endpoint;
  }
  CHECK(Track().run({kFour, kSix}, free.port).find("refused") != std::string::npos);
  CHECK(Track().run({}, free.port) == "no address to connect to");
}

TEST_CASE("a_race_that_is_won_at_once_lets_the_others_begin_first") {
  const Listening listening(kSix, Port{0}, 8);
  Track track;
  std::vector<std::string> told;
  ConnectRace other(track.io, *track.poller, track.wheel);
  auto racing = [&](ConnectRace& race, std::string_view name) -> asio::awaitable<void> {
    told.push_back(fmt::format("{} begins", name));
    const auto winner = co_await race.run({kSix}, listening.endpoint.port, FirstWord::kWe);
    told.push_back(fmt::format("{} {}", name, winner ? "won" : "lost"));
    if (told.size() == 4) track.io.stop();
  };
  asio::co_spawn(track.io, racing(track.race, "one"), asio::detached);
  asio::co_spawn(track.io, racing(other, "two"), asio::detached);
  track.io.run_for(10s);
  CHECK(told == std::vector<std::string>{"one begins", "two begins", "one won", "two won"});
}

TEST_CASE("a_race_that_was_won_at_once_can_still_be_interrupted") {
  const Listening listening(kSix, Port{0}, 8);
  Track track;
  // Twice: after the race has begun, before what it has posted.
  asio::post(track.io, [&] { asio::post(track.io, [&] { track.race.interrupt(Errc::kDenied); }); });
  CHECK(track.run({kSix}, listening.endpoint.port) == "interrupted");
  CHECK(accept_one(listening.socket.get()).value().has_value());  // it had begun
}

TEST_CASE("the_last_packet_of_the_handshake_waits_for_our_first_word") {
  const Listening listening(kFour, Port{0}, 8);
  const auto accepted = [&](std::chrono::milliseconds patience) {
    pollfd waiting{.fd = listening.socket.get(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, static_cast<int>(patience.count())) == 1 &&
           accept_one(listening.socket.get()).value().has_value();
  };
  const Fd ours = start_connect(listening.endpoint, FirstWord::kWe).value();
  REQUIRE(is_connected(ours.get()));
  CHECK_FALSE(accepted(0ms));
  REQUIRE(send(ours.get(), "hello", 5, 0) == 5);
  CHECK(accepted(1s));
  const Fd anybodys = start_connect(listening.endpoint).value();  // the control
  CHECK(accepted(1s));
}

TEST_CASE("a_connection_that_nobody_answers_is_not_connected") {
  Listening mute(kSix, Port{0}, 0);
  mute.fill();
  const Fd waiting = start_connect(mute.endpoint).value();
  CHECK_FALSE(is_connected(waiting.get()));
}

TEST_CASE("an_interrupted_race_ends") {
  Listening mute(kSix, Port{0}, 0);
  mute.fill();
  Track track;
  asio::post(track.io, [&] { track.race.interrupt(Errc::kTimeout); });
  CHECK(track.run({kSix}, mute.endpoint.port) == "interrupted");
  Track early;
  early.race.interrupt(Errc::kTimeout);
  CHECK(early.run({kSix}, mute.endpoint.port) == "interrupted");
}
