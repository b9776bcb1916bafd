#include "net/async_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

namespace asio = boost::asio;
using namespace enforcer;
using namespace enforcer::net;
using namespace std::chrono_literals;

namespace {

struct Pair {
  Fd left, right;
  Pair() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    left = Fd(ends[0]);
    right = Fd(ends[1]);
  }
};

/// Both ends of a TCP connection over loopback.
Pair tcp_pair() {
  const Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in place{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof place;
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&place), size) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&place), &size) == 0);
  Pair pair;
  pair.right = Fd(socket(AF_INET, SOCK_STREAM, 0));
  REQUIRE(connect(pair.right.get(), reinterpret_cast<const sockaddr*>(&place), size) == 0);
  pair.left = Fd(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  return pair;
}

/// Counts what it is told, and ends the test when the peer has ended its side.
class ResetObserver final : public PeerObserver {
 public:
  explicit ResetObserver(asio::io_context& io) : io_(io) {}
  [[nodiscard]] int resets() const { return resets_; }
  [[nodiscard]] int ends() const { return ends_; }

 private:
  void peer_reset() override { ++resets_; }
  void peer_ended() override {
    ++ends_;
    io_.stop();
  }

  asio::io_context& io_;
  int resets_ = 0;
  int ends_ = 0;
};

}  // namespace

TEST_CASE("a_reader_waits_until_bytes_come_and_sees_the_end_of_the_stream") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  std::string seen;
  bool ended = false;
  auto read_all = [&]() -> asio::awaitable<void> {
    std::uint8_t buffer[4];
    while (true) {
      const auto count = co_await socket->read_some(buffer);
      REQUIRE(count.has_value());
      if (*count == 0) break;
      seen.append(reinterpret_cast<char*>(buffer), *count);
    }
    ended = true;
    io.stop();
  };
  asio::co_spawn(io, read_all, asio::detached);
  asio::post(io, [&] {
    REQUIRE(write(pair.right.get(), "hello world", 11) == 11);
    pair.right.reset();
  });
  io.run_for(10s);
  CHECK(ended);
  CHECK(seen == "hello world");
}

TEST_CASE("a_writer_waits_for_a_slow_reader_and_loses_nothing") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto writer = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  auto reader = AsyncSocket::make(io, *poller, std::move(pair.right)).value();
  const std::string sent(3'000'000, 'x');
  std::size_t received = 0;
  auto write_side = [&]() -> asio::awaitable<void> {
    CHECK((co_await writer->write_all(as_bytes(sent))).has_value());
    writer->end_writing();
  };
  auto read_side = [&]() -> asio::awaitable<void> {
    std::vector<std::uint8_t> buffer(8192);
    while (const auto count = co_await reader->read_some(buffer)) {
      if (*count == 0) break;
      received += *count;
    }
    io.stop();
  };
  asio::co_spawn(io, write_side, asio::detached);
  asio::co_spawn(io, read_side, asio::detached);
  io.run_for(10s);
  CHECK(received == sent.size());
}

TEST_CASE("an_interrupted_socket_ends_the_wait_and_refuses_later_ones") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  int ended = 0;
  auto wait_twice = [&]() -> asio::awaitable<void> {
    std::uint8_t buffer[4];
    for (int i = 0; i < 2; ++i) {
      const auto count = co_await socket->read_some(buffer);
      REQUIRE_FALSE(count.has_value());
      CHECK(count.error().code == Errc::kTimeout);
      ++ended;
    }
    io.stop();
  };
  asio::co_spawn(io, wait_twice, asio::detached);
  asio::post(io, [&] { socket->interrupt(Errc::kTimeout); });
  io.run_for(10s);
  CHECK(ended == 2);
}

TEST_CASE("a_reader_that_has_something_to_send_also_wakes_when_there_is_room") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  const std::string much(1'000'000, 'x');
  bool woke = false;
  bool ended = false;
  auto wait_for_either = [&]() -> asio::awaitable<void> {
    std::uint8_t byte = 0;
    REQUIRE_FALSE(socket->try_read({&byte, 1}).has_value());  // else there might be something to read
    while ((co_await socket->readable_or_writable()).has_value()) woke = true;
    ended = true;
    io.stop();
  };
  // It is filled.
  while (socket->try_write(as_bytes(much)).value() > 0) {
  }
  asio::co_spawn(io, wait_for_either, asio::detached);
  io.run_for(50ms);
  io.restart();
  CHECK_FALSE(woke);
  std::vector<char> buffer(4'000'000);
  asio::post(io, [&] { REQUIRE(read(pair.right.get(), buffer.data(), buffer.size()) > 0); });
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!woke && std::chrono::steady_clock::now() < deadline) io.run_one_for(1s);
  CHECK(woke);
  socket->interrupt(Errc::kTimeout);
  io.run_for(10s);
  CHECK(ended);
}

TEST_CASE("room_wakes_the_writer_and_leaves_the_reader_waiting") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  const std::string much(3'000'000, 'x');
  bool written = false;
  bool reader_ended = false;
  auto write_side = [&]() -> asio::awaitable<void> {
    CHECK((co_await socket->write_all(as_bytes(much))).has_value());
    written = true;
  };
  auto read_side = [&]() -> asio::awaitable<void> {
    std::uint8_t byte = 0;
    REQUIRE_FALSE(socket->try_read({&byte, 1}).has_value());
    while ((co_await socket->readable_or_writable()).has_value()) CHECK(written);
    reader_ended = true;
    io.stop();
  };
  auto drain = [&]() -> asio::awaitable<void> {
    auto other = AsyncSocket::make(io, *poller, std::move(pair.right)).value();
    std::vector<std::uint8_t> buffer(50'000);
    for (std::size_t seen = 0; seen < much.size();) seen += (co_await other->read_some(buffer)).value();
    CHECK(written);
    socket->interrupt(Errc::kTimeout);
  };
  asio::co_spawn(io, write_side, asio::detached);
  asio::co_spawn(io, read_side, asio::detached);
  asio::co_spawn(io, drain, asio::detached);
  io.run_for(10s);
  CHECK(reader_ended);
}

TEST_CASE("what_is_peeked_at_stays") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  std::uint8_t buffer[8];
  CHECK_FALSE(socket->try_peek(buffer).has_value());
  const auto let_edges_pass = [&] {
    io.run_for(10ms);
    io.restart();
  };
  REQUIRE(write(pair.right.get(), "ab", 2) == 2);
  let_edges_pass();
  CHECK(**socket->try_peek(buffer) == 2);
  CHECK(**socket->try_read(std::span(buffer).first(1)) == 1);
  CHECK(**socket->try_peek(buffer) == 1);
  CHECK(buffer[0] == 'b');
  pair.right.reset();
  let_edges_pass();
  CHECK(**socket->try_read(buffer) == 1);
  CHECK(**socket->try_peek(buffer) == 0);
  socket->interrupt(Errc::kTimeout);
  CHECK(socket->try_peek(buffer)->error().code == Errc::kTimeout);
}

TEST_CASE("what_came_before_readable_is_not_waited_for_and_what_comes_later_is") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair;
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  REQUIRE(write(pair.right.get(), "12345", 5) == 5);
  std::string seen;
  bool ended = false;
  auto read_all = [&]() -> asio::awaitable<void> {
    while (true) {
      REQUIRE((co_await socket->readable()).has_value());
      std::uint8_t buffer[2];  // fills up: there may be more, of which no edge tells
      const auto count = socket->try_read(buffer);
      if (!count) continue;
      REQUIRE(count->has_value());
      if (**count == 0) break;
      seen.append(reinterpret_cast<char*>(buffer), **count);
      if (seen == "12345") {
        asio::post(io, [&] {
          REQUIRE(write(pair.right.get(), "67", 2) == 2);
          pair.right.reset();
        });
      }
    }
    ended = true;
    io.stop();
  };
  asio::co_spawn(io, read_all, asio::detached);
  io.run_for(10s);
  CHECK(ended);
  CHECK(seen == "1234567");
}

TEST_CASE("a_descriptor_that_is_used_again_in_the_same_batch_gets_no_news_of_the_one_before") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  struct Target final : PollTarget {
    std::function<void()> told;
    void ready(std::uint32_t /*events*/) override { told(); }
  };
  Pair first, second, third;
  const int reused = second.left.get();
  Target a, b, c;
  int news_of_b = 0, news_of_c = 0;
  const auto replace = [&] {
    if (!second.left.valid()) return;
    poller->forget(reused);
    second.left.reset();
    third.left = Fd(fcntl(third.left.get(), F_DUPFD_CLOEXEC, reused));
    REQUIRE(third.left.get() == reused);
    REQUIRE(poller->add(reused, c, Poller::Edges::kReadingAndRoom).has_value());
  };
  a.told = replace;
  b.told = [&] { ++news_of_b; };
  c.told = [&] { ++news_of_c; };
  REQUIRE(poller->add(first.left.get(), a).has_value());
  REQUIRE(poller->add(reused, b).has_value());
  REQUIRE(write(first.right.get(), "x", 1) == 1);
  REQUIRE(write(second.right.get(), "x", 1) == 1);
  io.run_for(100ms);
  CHECK(news_of_b == 0);
  CHECK(news_of_c == 1);  // its own: it can be written to
}

TEST_CASE("room_to_write_is_no_news_until_somebody_asks_for_it") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  struct Target final : PollTarget {
    std::vector<std::uint32_t> news;
    void ready(std::uint32_t events) override { news.push_back(events); }
  };
  Pair pair;
  Target target;
  REQUIRE(poller->add(pair.left.get(), target).has_value());
  io.run_for(50ms);
  CHECK(target.news.empty());
  REQUIRE(poller->watch_room(pair.left.get()).has_value());
  io.restart();
  io.run_for(50ms);
  REQUIRE(target.news.size() == 1);
  CHECK((target.news[0] & EPOLLOUT) != 0);
  REQUIRE(write(pair.right.get(), "x", 1) == 1);  // the control: what can be read is news all the time
  io.restart();
  io.run_for(50ms);
  REQUIRE(target.news.size() == 2);
  CHECK((target.news[1] & EPOLLIN) != 0);
}

TEST_CASE("what_is_behind_urgent_data_is_read_too") {
  // A read ends at the urgent mark, however much is behind it, and no edge tells of that (tcp(7)).
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair = tcp_pair();
  REQUIRE(send(pair.right.get(), "before", 6, 0) == 6);
  REQUIRE(send(pair.right.get(), "!", 1, MSG_OOB) == 1);
  REQUIRE(send(pair.right.get(), "behind", 6, 0) == 6);
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  std::string seen;
  auto read_all = [&]() -> asio::awaitable<void> {
    while (seen != "beforebehind") {
      std::uint8_t buffer[64];
      REQUIRE((co_await socket->readable()).has_value());
      const auto count = co_await socket->read_some(buffer);
      REQUIRE(count.has_value());
      seen.append(reinterpret_cast<char*>(buffer), *count);
    }
    io.stop();
  };
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        // The events are known before the first read, as they are of a socket that somebody else watched.
        asio::steady_timer pause(io, 10ms);
        co_await pause.async_wait(asio::use_awaitable);
        co_await read_all();
      },
      asio::detached);
  io.run_for(10s);
  CHECK(seen == "beforebehind");
}

TEST_CASE("a_reset_is_told_while_nobody_waits") {
  asio::io_context io;
  auto poller = Poller::make(io).value();
  Pair pair = tcp_pair();
  auto socket = AsyncSocket::make(io, *poller, std::move(pair.left)).value();
  ResetObserver observer(io);
  socket->tell(observer);
  io.run_for(20ms);
  CHECK(observer.resets() == 0);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  REQUIRE(setsockopt(pair.right.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
  pair.right.reset();
  io.restart();
  io.run_for(10s);
  CHECK(observer.resets() == 1);
  CHECK(observer.ends() == 1);
}
