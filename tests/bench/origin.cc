// bench_origin ADDRESS PORT: answers each ClientHello with a ServerHello and the bytes it orders, from one thread.
//
// Bulk bytes come from a memory file by sendfile(2), so that this end copies nothing and the figures are the proxy's.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <unordered_map>

#include "base/fd.h"
#include "hello.h"

namespace {

using enforcer::Fd;
using enforcer::bench::Order;

constexpr std::size_t kFileSize = 4 << 20;

struct Connection {
  Fd socket;
  std::string received;
  std::optional<Order> order;
  bool hello_sent = false;
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
      const int one = 1;
      setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
    Order& order = *connection.order;
    while (order.bytes != 0) {
      off_t at = 0;
      const ssize_t n =
          sendfile(connection.socket.get(), file_.get(), &at, std::min<std::uint64_t>(order.bytes, kFileSize));
      if (n < 0) return errno == EAGAIN ? Progress::kWait : Progress::kFinished;
      order.bytes -= static_cast<std::uint64_t>(n);
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
  if (argc != 3) {
    fmt::print(stderr, "usage: bench_origin ADDRESS PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // sendfile(2) to a client that went away
  Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.get(), 4096) != 0) {
    fmt::print(stderr, "bench_origin: cannot listen on {}:{}\n", argv[1], argv[2]);
    return 1;
  }
  Fd file(memfd_create("bulk", MFD_CLOEXEC));
  if (ftruncate(file.get(), kFileSize) != 0) return 1;
  fmt::print("ready\n");
  std::fflush(stdout);
  Origin(std::move(listener), std::move(file)).run();
}
