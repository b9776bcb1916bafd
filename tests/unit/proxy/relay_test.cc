#include "proxy/relay.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "net/socket.h"

namespace asio = boost::asio;
using namespace enforcer;
using namespace enforcer::proxy;
using namespace std::chrono_literals;

namespace {

/// Two ends of a real TCP connection over loopback; the first one is non-blocking.
std::pair<Fd, Fd> tcp_pair() {
  const int room = 200'000;  // a window for all of a large piece at once
  const Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  setsockopt(listener.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t length = sizeof address;
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  Fd outer(socket(AF_INET, SOCK_STREAM, 0));
  setsockopt(outer.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  REQUIRE(connect(outer.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  Fd inner(accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
  REQUIRE(inner.valid());
  const timeval patience{.tv_sec = 20, .tv_usec = 0};  // a hang guard for the blocking end
  setsockopt(outer.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(outer.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return {std::move(inner), std::move(outer)};
}

struct Ended {
  bool called = false;
  RelayEnd end{};
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  std::uint64_t told = 0;                                            ///< by relayed_up()
  std::uint64_t budget = std::numeric_limits<std::uint64_t>::max();  ///< what relayed_up() allows
  Monotonic::time_point stood_still = Monotonic::time_point::min();  ///< the guest
};

class Observer final : public RelayObserver {
 public:
  Observer(Ended& ended, asio::io_context& io) : ended_(ended), io_(io) {}
  void relay_ended(RelayEnd end, std::uint64_t up, std::uint64_t down) override {
    ended_.called = true;
    ended_.end = end;
    ended_.up = up;
    ended_.down = down;
    io_.stop();
  }
  bool relayed_up(std::uint64_t bytes) override {
    ended_.told += bytes;
    return ended_.told < ended_.budget;
  }
  int& pipes_lent() override { return pipes_; }
  [[nodiscard]] Monotonic::time_point stood_still() const override { return ended_.stood_still; }

 private:
  Ended& ended_;
  asio::io_context& io_;
  int pipes_ = 0;
};

std::string read_all(int socket) {
  std::string all;
  char buffer[65536];
  while (true) {
    const ssize_t count = read(socket, buffer, sizeof buffer);
    if (count <= 0) return all;
    all.append(buffer, static_cast<std::size_t>(count));
  }
}

void write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// A relay between `guest` and `origin`, the far ends of which belong to the test.
struct Bench {
  asio::io_context io{1};
  std::unique_ptr<net::Poller> poller = net::Poller::make(io).value();
  net::TimerWheel wheel;
  RelayLoop loop;
  Fd guest, origin;
  Ended ended;
  Relay* relay = nullptr;

  /// `early`: what the guest had sent before, and `budget`: how much it may.
  explicit Bench(int pipes, std::chrono::nanoseconds idle = 1h, std::string_view early = {},
                 std::optional<std::uint64_t> budget = {})
      : loop(io, *poller, wheel, idle,
             std::min<std::chrono::nanoseconds>(idle, std::max<std::chrono::nanoseconds>(idle / 12, 10s))) {
    for (int i = 0; i < pipes; ++i) {
      int ends[2];
      REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
      fcntl(ends[1], F_SETPIPE_SZ, 1024 * 1024);  // as hostd's, where it is allowed
      loop.pipes().add({Fd(ends[0]), Fd(ends[1])});
    }
    auto [guest_inner, guest_outer] = tcp_pair();
    auto [origin_inner, origin_outer] = tcp_pair();
    guest = std::move(guest_outer);
    origin = std::move(origin_outer);
    auto guest_socket = net::AsyncSocket::make(io, *poller, std::move(guest_inner)).value();
    auto origin_socket = net::AsyncSocket::make(io, *poller, std::move(origin_inner)).value();
    const int on = 1;
    const int off = 0;
    setsockopt(guest.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);      // all of `early` is there at the start
    setsockopt(origin.get(), IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);  // no ACK brings what waits for one
    write_all(guest.get(), early);
    if (budget) ended.budget = *budget;
    relay = &loop.adopt(std::make_unique<Observer>(ended, io), *guest_socket, *origin_socket, 0, 0);
    relay->start();
  }
  void run() {
    io.restart();
    io.run_for(20s);
  }
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761u >> 13);
  return text;
}

}  // namespace

TEST_CASE("every_byte_arrives_in_both_directions_with_and_without_pipes") {
  for (const int pipes : {2, 1, 0}) {
    CAPTURE(pipes);
    Bench bench(pipes);
    const std::string upload = pattern(5'000'000);
    const std::string download = pattern(7'000'001);
    std::string at_origin, at_guest;
    std::jthread origin_side([&] {
      std::jthread sender([&] {
        write_all(bench.origin.get(), download);
        shutdown(bench.origin.get(), SHUT_WR);
      });
      at_origin = read_all(bench.origin.get());
    });
    std::jthread guest_side([&] {
      std::jthread sender([&] {
        write_all(bench.guest.get(), upload);
        shutdown(bench.guest.get(), SHUT_WR);
      });
      at_guest = read_all(bench.guest.get());
    });
    bench.run();
    guest_side.join();
    origin_side.join();
    CHECK(at_origin == upload);
    CHECK(at_guest == download);
    REQUIRE(bench.ended.called);
    CHECK(bench.ended.end == RelayEnd::kDone);
    CHECK(bench.ended.up == upload.size());
    CHECK(bench.ended.down == download.size());
  }
}

TEST_CASE("what_came_before_the_relay_is_moved_when_it_starts") {
  for (const int pipes : {2, 0}) {
    Bench bench(pipes, 1h, "early");
    char moved[8];
    CHECK(recv(bench.origin.get(), moved, sizeof moved, MSG_DONTWAIT) == 5);
    CHECK_FALSE(bench.ended.called);
  }
}

TEST_CASE("what_the_socket_keeps_of_a_large_piece_leaves_when_nothing_follows_and_before_a_reset") {
  const std::string piece = pattern(100'001);
  for (const std::optional<std::uint64_t> budget : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{1}}) {
    Bench bench(2, 1h, piece, budget);
    CHECK(bench.ended.called == budget.has_value());
    std::string arrived(piece.size() + 1, '\0');
    const ssize_t count = recv(bench.origin.get(), arrived.data(), arrived.size(), MSG_DONTWAIT);
    REQUIRE(count == static_cast<ssize_t>(piece.size()));
    CHECK(arrived.substr(0, piece.size()) == piece);
  }
}

TEST_CASE("a_relay_may_be_over_when_it_has_started") {
  Bench bench(2, 1h, "early", 1);
  CHECK(bench.ended.called);
  CHECK(bench.ended.end == RelayEnd::kOverBudget);
}

TEST_CASE("half_close_passes_on_and_the_other_direction_lives") {
  Bench bench(2);
  std::string answer;
  std::jthread origin_side([&] {
    const std::string request = read_all(bench.origin.get());  // ends with the guest's FIN
    write_all(bench.origin.get(), "answer to " + request);
    bench.origin.reset();
  });
  std::jthread guest_side([&] {
    write_all(bench.guest.get(), "request");
    shutdown(bench.guest.get(), SHUT_WR);
    answer = read_all(bench.guest.get());
  });
  bench.run();
  guest_side.join();
  CHECK(answer == "answer to request");
  CHECK(bench.ended.end == RelayEnd::kDone);
}

TEST_CASE("a_download_that_breaks_does_not_look_complete") {
  Bench bench(2);
  write_all(bench.origin.get(), "first half");
  net::reset_on_close(bench.origin.get());
  std::jthread guest_side([&] {
    char buffer[64];
    ssize_t count = 0;
    do {
      count = read(bench.guest.get(), buffer, sizeof buffer);
    } while (count > 0);
    CHECK(count == -1);  // ECONNRESET, not end of file
    CHECK(errno == ECONNRESET);
  });
  std::jthread breaker([&] {
    std::this_thread::sleep_for(50ms);
    bench.origin.reset();
  });
  bench.run();
  CHECK(bench.ended.end == RelayEnd::kOriginReset);
}

TEST_CASE("a_slow_reader_holds_back_the_sender_instead_of_filling_memory") {
  Bench bench(2);
  std::atomic<std::size_t> sent = 0;
  std::jthread origin_side([&] {
    const std::string chunk(65536, 'x');
    fcntl(bench.origin.get(), F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 2000; ++i) {
      const ssize_t count = send(bench.origin.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
      if (count < 0) std::this_thread::sleep_for(1ms);
    }
  });
  bench.io.run_for(2500ms);  // nobody reads at the guest
  origin_side.join();
  CHECK(sent.load() > 0);
  CHECK(sent.load() <
        64u * 1024 * 1024);  // socket buffers of two connections and one pipe, far below the 125 MiB offered
  CHECK_FALSE(bench.ended.called);
}

TEST_CASE("an_aborted_relay_resets_both_sides") {
  Bench bench(2);
  bench.relay->interrupt(Errc::kDenied);
  char byte;
  CHECK(read(bench.guest.get(), &byte, 1) == -1);
  CHECK(errno == ECONNRESET);
  CHECK(read(bench.origin.get(), &byte, 1) == -1);
  CHECK(errno == ECONNRESET);
  CHECK(bench.ended.end == RelayEnd::kAborted);
}

TEST_CASE("a_quiet_relay_ends_and_one_within_its_deadline_does_not") {
  Bench patient(2);
  patient.wheel.advance(Monotonic::now() + 2h);  // looked at, and found to have been quiet for milliseconds only
  CHECK_FALSE(patient.ended.called);

  Bench strict(2, 50ms);
  std::this_thread::sleep_for(100ms);
  strict.wheel.advance(Monotonic::now() + 1s);
  REQUIRE(strict.ended.called);
  CHECK(strict.ended.end == RelayEnd::kIdle);
  char byte;
  CHECK(read(strict.guest.get(), &byte, 1) == -1);
}

TEST_CASE("a_guest_that_stood_still_was_not_quiet") {
  Bench bench(2, 200ms);
  std::this_thread::sleep_for(250ms);
  bench.ended.stood_still = Monotonic::now();
  bench.wheel.advance(Monotonic::now() + 1s);
  CHECK_FALSE(bench.ended.called);
  std::this_thread::sleep_for(250ms);
  bench.wheel.advance(Monotonic::now() + 2s);
  CHECK(bench.ended.called);  // it counts from when it ran again
}

TEST_CASE("invariant_10_a_guest_borrows_no_more_pipes_than_its_share") {
  PipePool pool;
  for (int i = 0; i < 20; ++i) {
    int ends[2];
    REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    pool.add({Fd(ends[0]), Fd(ends[1])});
  }
  int greedy = 0;
  std::vector<Pipe> lent;
  for (int i = 0; i < 20; ++i) {
    Pipe pipe = pool.lend(greedy);
    if (pipe.read_end.valid()) lent.push_back(std::move(pipe));
  }
  CHECK(lent.size() == PipePool::kPerGuest);
  int modest = 0;
  CHECK(pool.lend(modest).read_end.valid());
  pool.give_back(std::move(lent.back()), greedy);
  CHECK(pool.lend(greedy).read_end.valid());
}

TEST_CASE("invariant_10_a_guest_that_has_sent_as_much_as_it_may_is_reset") {
  for (const int pipes : {2, 0}) {
    CAPTURE(pipes);
    Bench bench(pipes);
    bench.ended.budget = 1'000'000;
    std::string at_origin;
    std::jthread origin_side([&] { at_origin = read_all(bench.origin.get()); });
    std::jthread guest_side([&] { write_all(bench.guest.get(), pattern(8'000'000)); });
    bench.run();
    guest_side.join();
    origin_side.join();
    CHECK(bench.ended.called);
    CHECK(bench.ended.end == RelayEnd::kOverBudget);
    CHECK(bench.ended.up == bench.ended.told);
    CHECK(bench.ended.up >= bench.ended.budget);
    CHECK(bench.ended.up <= bench.ended.budget + (1 << 20));  // a piece is at most a pipe too much
    CHECK(at_origin.size() <= bench.ended.up);
  }
}
