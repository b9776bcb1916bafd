// bench_client MODE TARGETS CONNECTIONS SECONDS [BYTES]: load from one thread, a JSON line of figures at the end.
//
//   new    connect, ClientHello, ServerHello, end of file, again; the latency is from connect() to the ServerHello
//   deny   the same, but a ServerHello is an error: the connection must be refused
//   bulk   as `new` with BYTES behind the ServerHello; what is read is thrown away in the kernel (MSG_TRUNC)
//   idle   opens CONNECTIONS, waits for each ServerHello, prints the line, and holds them for SECONDS
//
// TARGETS is a file with lines "ADDRESS NAME", used in turn, all on port 443.
#include <arpa/inet.h>
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
#include <fstream>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "hello.h"

namespace {

using enforcer::Fd;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadAtOnce = 1 << 20;

enum class Mode { kNew, kDeny, kBulk, kIdle };

struct Target {
  sockaddr_in address{};
  std::string hello;
};

struct Connection {
  Fd socket;
  const Target* target = nullptr;
  Clock::time_point begun;
  std::uint64_t received = 0;
  bool said_hello = false;
};

struct Figures {
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  std::vector<std::uint32_t> microseconds;
};

class Load {
 public:
  Load(Mode mode, std::vector<Target> targets)
      : mode_(mode), targets_(std::move(targets)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  Figures run(std::size_t connections, std::chrono::seconds time) {
    const auto begun = Clock::now();
    const auto end = begun + time;
    for (std::size_t i = 0; i < connections; ++i) open();
    std::array<epoll_event, 256> events{};
    while (!finished(connections, end)) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 50);
      for (int i = 0; i < count; ++i) step(connections_.at(events[static_cast<std::size_t>(i)].data.fd));
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - begun).count();
    return std::move(figures_);
  }

  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  [[nodiscard]] bool finished(std::size_t connections, Clock::time_point end) const {
    if (mode_ == Mode::kIdle) return figures_.operations + figures_.errors == connections;
    return Clock::now() >= end;
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
        return close(connection);
      connection.said_hello = true;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = connection.socket.get();
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, event.data.fd, &event);
    }
    read(connection);
  }

  void read(Connection& connection) {
    std::array<char, 512> first;
    for (;;) {
      const bool answer = connection.received == 0;
      const ssize_t n = answer ? recv(connection.socket.get(), first.data(), first.size(), 0)
                               : recv(connection.socket.get(), nullptr, kReadAtOnce, MSG_TRUNC);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return close(connection);
      if (answer && first[0] == 0x16) note_answer(connection);
      if (answer && first[0] != 0x16) denied_ = true;
      connection.received += static_cast<std::uint64_t>(n);
      figures_.bytes += static_cast<std::uint64_t>(n);
    }
  }

  void note_answer(const Connection& connection) {
    if (mode_ == Mode::kDeny) return;
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.begun);
    figures_.microseconds.push_back(static_cast<std::uint32_t>(taken.count()));
    ++figures_.operations;
  }

  /// The connection has ended: that counts by the mode, and the next one begins.
  void close(Connection& connection) {
    const bool answered = connection.received != 0 && !denied_;
    if (mode_ == Mode::kDeny) {
      const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.begun);
      figures_.microseconds.push_back(static_cast<std::uint32_t>(taken.count()));
      ++(answered ? figures_.errors : figures_.operations);
    } else if (!answered) {
      ++figures_.errors;
    }
    denied_ = false;
    connections_.erase(connection.socket.get());
    if (mode_ != Mode::kIdle) open();
  }

  Mode mode_;
  std::vector<Target> targets_;
  Fd epoll_;
  std::unordered_map<int, Connection> connections_;
  std::size_t next_ = 0;
  Figures figures_;
  double seconds_ = 0;
  bool denied_ = false;  ///< the connection being read was answered with something else than a ServerHello
};

std::vector<Target> read_targets(const char* path, const enforcer::bench::Order& order) {
  std::vector<Target> targets;
  std::ifstream file(path);
  std::string address;
  std::string name;
  while (file >> address >> name) {
    Target target;
    target.address.sin_family = AF_INET;
    target.address.sin_port = htons(443);
    if (inet_pton(AF_INET, address.c_str(), &target.address.sin_addr) != 1) continue;
    target.hello = enforcer::bench::client_hello(name, order);
    targets.push_back(std::move(target));
  }
  return targets;
}

std::uint32_t quantile(std::vector<std::uint32_t>& values, double q) {
  if (values.empty()) return 0;
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

int main(int argc, char** argv) {
  const std::unordered_map<std::string_view, Mode> modes{
      {"new", Mode::kNew}, {"deny", Mode::kDeny}, {"bulk", Mode::kBulk}, {"idle", Mode::kIdle}};
  if (argc < 5 || !modes.contains(argv[1])) {
    fmt::print(stderr, "usage: bench_client new|deny|bulk|idle TARGETS CONNECTIONS SECONDS [BYTES]\n");
    return 2;
  }
  const Mode mode = modes.at(argv[1]);
  enforcer::bench::Order order;
  order.bytes = argc > 5 ? std::strtoull(argv[5], nullptr, 10) : 0;
  order.keep_open = mode == Mode::kIdle;
  std::vector<Target> targets = read_targets(argv[2], order);
  if (targets.empty()) {
    fmt::print(stderr, "bench_client: no target in {}\n", argv[2]);
    return 1;
  }
  const std::chrono::seconds time(std::atoi(argv[4]));
  Load load(mode, std::move(targets));
  Figures figures = load.run(static_cast<std::size_t>(std::atoi(argv[3])), time);
  fmt::print("{{\"operations\":{},\"errors\":{},\"bytes\":{},\"seconds\":{:.3f},\"p50\":{},\"p99\":{}}}\n",
             figures.operations, figures.errors, figures.bytes, load.seconds(), quantile(figures.microseconds, 0.5),
             quantile(figures.microseconds, 0.99));
  std::fflush(stdout);
  if (mode == Mode::kIdle) sleep(static_cast<unsigned>(time.count()));
}
