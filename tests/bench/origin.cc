// bench_origin PORT: answers each ClientHello with a ServerHello and the bytes it orders, from one thread.
//
// Bulk bytes come from a memory file by sendfile(2), so that this end copies nothing and the figures are the proxy's.
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <unordered_map>

#include "base/fd.h"
#include "hello.h"
#include "listener.h"

namespace {

using enforcer::Fd;
using enforcer::bench::kPatternSize;
using enforcer::bench::Order;

struct Connection {
  Fd socket;
  std::string received;
  std::optional<Order> order;
  bool hello_sent = false;
  std::uint64_t sent = 0;  ///< of what was ordered
};

enum class Progress { kWait, kFinished };

class Origin {
 public:
  Origin(Fd listener, Fd file)
      : listener_(std::move(listener)), file_(std::move(file)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_.get(), EPOLLIN, EPOLL_CTL_ADD);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_.get()) {
          accept_all();
        } else if (advance(connections_.at(fd)) == Progress::kFinished) {
          connections_.erase(fd);
        }
      }
    }
  }

 private:
  void watch(int fd, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), operation, fd, &event);
  }

  void accept_all() {
    for (;;) {
      Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket.valid()) return;
      enforcer::bench::set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
      const int fd = socket.get();
      connections_[fd].socket = std::move(socket);
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  Progress advance(Connection& connection) {
    if (!connection.order || connection.hello_sent) {
      if (read(connection) == Progress::kFinished) return Progress::kFinished;
    }
    if (!connection.order) return Progress::kWait;
    if (!connection.hello_sent) {
      const std::string hello = enforcer::bench::server_hello();
      if (::send(connection.socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) return Progress::kFinished;
      connection.hello_sent = true;
      if (connection.order->bytes != 0) watch(connection.socket.get(), EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    }
    return send_ordered(connection);
  }

  static Progress read(Connection& connection) {
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
      if (n == 0) return Progress::kFinished;
      if (n < 0) return errno == EAGAIN ? Progress::kWait : Progress::kFinished;
      if (connection.order) continue;
      connection.received.append(buffer.data(), static_cast<std::size_t>(n));
      connection.order = enforcer::bench::order_of(connection.received);
    }
  }

  Progress send_ordered(Connection& connection) {
    const Order& order = *connection.order;
    while (connection.sent < order.bytes) {
      const std::uint64_t begin = connection.sent % kPatternSize;
      auto at = static_cast<off_t>(begin);
      const std::uint64_t most = std::min(order.bytes - connection.sent, kPatternSize - begin);
      const ssize_t n = sendfile(connection.socket.get(), file_.get(), &at, most);
      if (n < 0) return errno == EAGAIN ? Progress::kWait : Progress::kFinished;
      connection.sent += static_cast<std::uint64_t>(n);
    }
    if (order.keep_open != 0) {
      watch(connection.socket.get(), EPOLLIN, EPOLL_CTL_MOD);
      return Progress::kWait;
    }
    return Progress::kFinished;
  }

  Fd listener_;
  Fd file_;
  Fd epoll_;
  std::unordered_map<int, Connection> connections_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: bench_origin PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // sendfile(2) to a client that went away
  Fd listener = enforcer::bench::listen_on(INADDR_ANY, std::atoi(argv[1]), [](const Fd&) {});
  Fd file(memfd_create("bulk", MFD_CLOEXEC));
  const std::string pattern = enforcer::bench::pattern();
  if (write(file.get(), pattern.data(), pattern.size()) != static_cast<ssize_t>(pattern.size())) return 1;
  fmt::print("ready\n");
  std::fflush(stdout);
  Origin(std::move(listener), std::move(file)).run();
}
