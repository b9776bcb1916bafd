// bench_client MODE TARGETS CONNECTIONS SECONDS [BYTES]: load from one thread, a JSON line of figures at the end.
//
//   new    connect, ClientHello, ServerHello, end of file, again; the latency is from connect() to the ServerHello,
//          which must be the origin's to the octet, with nothing behind it but an orderly end
//   deny   the same, but a ServerHello is an error: the connection must be refused
//   bulk   as `new` with BYTES behind the ServerHello; what is read is thrown away in the kernel (MSG_TRUNC)
//   whole  as `bulk`, once for each of CONNECTIONS, and every octet is compared
//   idle   opens CONNECTIONS, kOpening at a time as `whole` does, waits for each ServerHello, prints the line, and
//   holds them for SECONDS
//
// TARGETS is a file with lines "ADDRESS NAME", used in turn, all on port 443.
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "hello.h"
#include "quantile.h"
#include "targets.h"

namespace {

using enforcer::Fd;
using enforcer::bench::kPatternSize;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadAtOnce = 1 << 20;
constexpr std::size_t kOpening = 32;

enum class Mode { kNew, kDeny, kBulk, kWhole, kIdle };

struct Target {
  sockaddr_in address{};
  std::string hello;
};

struct Connection {
  Fd socket;
  const Target* target = nullptr;
  Clock::time_point begun;
  std::uint64_t received = 0;
  std::uint32_t microseconds = 0;  ///< until the first octet
  bool said_hello = false;
  bool wrong = false;  ///< an octet was not as it must be
};

struct Figures {
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  std::vector<std::uint32_t> microseconds;
};

class Load {
 public:
  /// ordered: bytes behind each ServerHello.
  Load(Mode mode, std::vector<Target> targets, std::uint64_t ordered)
      : mode_(mode), targets_(std::move(targets)), ordered_(ordered), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  Figures run(std::size_t connections, std::chrono::milliseconds time) {
    const auto begun = Clock::now();
    const auto end = begun + time;
    wanted_ = goes_on() ? 0 : connections;
    for (std::size_t i = 0; i < (goes_on() ? connections : std::min(kOpening, connections)); ++i) open();
    std::array<epoll_event, 256> events{};
    while (!finished(end)) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 50);
      for (int i = 0; i < count; ++i) step(connections_.at(events[static_cast<std::size_t>(i)].data.fd));
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - begun).count();
    if (mode_ == Mode::kBulk) figures_.operations = connections_.size();
    return std::move(figures_);
  }

  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  [[nodiscard]] bool goes_on() const { return mode_ != Mode::kIdle && mode_ != Mode::kWhole; }

  [[nodiscard]] bool finished(Clock::time_point end) const {
    if (!goes_on()) return figures_.operations + figures_.errors == wanted_;
    const std::uint64_t done = mode_ == Mode::kBulk ? figures_.bytes : figures_.operations + figures_.errors;
    return Clock::now() >= end && done > 0;  // however slow the proxy is
  }

  void open() {
    Connection connection;
    connection.target = &targets_[next_++ % targets_.size()];
    connection.socket = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int one = 1;
    setsockopt(connection.socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection.begun = Clock::now();
    const auto* address = reinterpret_cast<const sockaddr*>(&connection.target->address);
    if (connect(connection.socket.get(), address, sizeof(sockaddr_in)) != 0 && errno != EINPROGRESS) ++figures_.errors;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT;
    event.data.fd = connection.socket.get();
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event.data.fd, &event);
    connections_.insert_or_assign(event.data.fd, std::move(connection));
  }

  void step(Connection& connection) {
    if (!connection.said_hello) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(connection.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      const std::string& hello = connection.target->hello;
      if (error != 0 || send(connection.socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0)
        return close(connection, End::kReset);
      connection.said_hello = true;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = connection.socket.get();
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, event.data.fd, &event);
    }
    read(connection);
  }

  void read(Connection& connection) {
    const bool looks = mode_ != Mode::kBulk;
    for (;;) {
      const bool first = connection.received == 0;
      const ssize_t n = looks || first ? recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0)
                                       : recv(connection.socket.get(), nullptr, kReadAtOnce, MSG_TRUNC);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return close(connection, n == 0 ? End::kOrderly : End::kReset);
      const auto size = static_cast<std::size_t>(n);
      if (looks && !as_expected(std::string_view(buffer_.data(), size), connection.received)) connection.wrong = true;
      if (first) note_answer(connection);
      connection.received += size;
      figures_.bytes += size;
    }
  }

  /// Are these the octets from this position on?
  [[nodiscard]] bool as_expected(std::string_view piece, std::uint64_t position) const {
    if (position < answer_.size()) {
      const std::size_t size = std::min<std::size_t>(piece.size(), answer_.size() - position);
      if (piece.substr(0, size) != std::string_view(answer_).substr(position, size)) return false;
      return size == piece.size() || as_expected(piece.substr(size), position + size);
    }
    position -= answer_.size();
    const std::uint64_t begin = position % kPatternSize;
    const std::size_t size = std::min<std::size_t>(piece.size(), kPatternSize - begin);
    if (position + size > ordered_ || piece.substr(0, size) != std::string_view(pattern_).substr(begin, size))
      return false;
    return size == piece.size() || as_expected(piece.substr(size), position + size);
  }

  void note_answer(Connection& connection) {
    connection.microseconds = since(connection);
    if (mode_ != Mode::kIdle) return;
    ++(connection.wrong ? figures_.errors : figures_.operations);
    if (next_ < wanted_) open();  // this one stays
  }

  static std::uint32_t since(const Connection& connection) {
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.begun);
    return static_cast<std::uint32_t>(taken.count());
  }

  enum class End { kOrderly, kReset };

  /// The connection has ended: that counts by the mode, and the next one begins.
  void close(Connection& connection, End end) {
    const bool whole = connection.received == answer_.size() + ordered_ && !connection.wrong && end == End::kOrderly;
    if (mode_ == Mode::kDeny) {
      // Whatever a proxy says to a refusal, an alert or nothing: it is not the beginning of a ServerHello.
      const bool refused = connection.received == 0 || connection.wrong;
      if (refused) figures_.microseconds.push_back(since(connection));
      ++(refused ? figures_.operations : figures_.errors);
    } else if (mode_ == Mode::kIdle) {
      if (connection.received == 0) ++figures_.errors;
    } else {
      if (whole) figures_.microseconds.push_back(connection.microseconds);
      ++(whole ? figures_.operations : figures_.errors);
    }
    connections_.erase(connection.socket.get());
    if (goes_on() || next_ < wanted_) open();
  }

  Mode mode_;
  std::vector<Target> targets_;
  std::uint64_t ordered_;
  Fd epoll_;
  std::unordered_map<int, Connection> connections_;
  std::size_t next_ = 0;
  std::size_t wanted_ = 0;  ///< connections in all; 0: as many as there is time for
  Figures figures_;
  double seconds_ = 0;
  std::string answer_ = enforcer::bench::server_hello();
  std::string pattern_ = enforcer::bench::pattern();
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  const std::unordered_map<std::string_view, Mode> modes{{"new", Mode::kNew},
                                                         {"deny", Mode::kDeny},
                                                         {"bulk", Mode::kBulk},
                                                         {"whole", Mode::kWhole},
                                                         {"idle", Mode::kIdle}};
  if (argc < 5 || !modes.contains(argv[1])) {
    fmt::print(stderr, "usage: bench_client new|deny|bulk|whole|idle TARGETS CONNECTIONS SECONDS [BYTES]\n");
    return 2;
  }
  const Mode mode = modes.at(argv[1]);
  enforcer::bench::Order order;
  order.bytes = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 0;
  order.keep_open = mode == Mode::kIdle;
  auto targets = enforcer::bench::read_targets<Target>(argv[2], [&](const sockaddr_in& place, const std::string& name) {
    return Target{.address = place, .hello = enforcer::bench::client_hello(name, order)};
  });
  if (targets.empty()) {
    fmt::print(stderr, "bench_client: no target in {}\n", argv[2]);
    return 1;
  }
  const std::chrono::milliseconds time(static_cast<std::int64_t>(std::strtod(argv[4], nullptr) * 1000));
  Load load(mode, std::move(targets), order.bytes);
  Figures figures = load.run(static_cast<std::size_t>(std::atoi(argv[3])), time);
  fmt::print("{{\"operations\":{},\"errors\":{},\"bytes\":{},\"seconds\":{:.3f},\"p50\":{},\"p99\":{}}}\n",
             figures.operations, figures.errors, figures.bytes, load.seconds(),
             enforcer::bench::quantile(figures.microseconds, 0.5),
             enforcer::bench::quantile(figures.microseconds, 0.99));
  std::fflush(stdout);
  if (mode == Mode::kIdle) usleep(static_cast<useconds_t>(time.count() * 1000));
}
