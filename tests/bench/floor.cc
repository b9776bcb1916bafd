// bench_floor PORT NAMES: the least that a relay in user space which looks at names can cost, as a measure for others.
//
// It accepts connections led to it by TPROXY, looks the ClientHello's name up in a hash of the lines of NAMES, resets
// what is not there, dials the original destination, and relays: small pieces through a buffer, and from the first
// piece that fills it by splice(2) through a large pipe. No policy, no log, no counters, no deadlines, one thread.
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "hello.h"
#include "listener.h"

namespace {

using enforcer::Fd;
using enforcer::bench::set;

constexpr std::size_t kBuffer = 16384;
constexpr int kPipe = 1 << 20;

/// One side of a flow, and what has come from it and is not yet with the other.
struct Side {
  Fd socket;
  struct Flow* flow = nullptr;
  Side* other = nullptr;
  std::string held;
  Fd pipe_in, pipe_out;
  std::size_t piped = 0;
  bool ended = false;
};

struct Flow {
  Side guest, origin;
};

class Relay {
 public:
  Relay(Fd listener, std::unordered_set<std::string_view> names)
      : listener_(std::move(listener)), names_(std::move(names)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_.get(), EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
      for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(count))) {
        if (event.data.ptr == nullptr) {
          accept_all();
        } else if (auto* side = static_cast<Side*>(event.data.ptr); side->flow != nullptr) {
          advance(*side, event.events);
        }
      }
      ended_.clear();
    }
  }

 private:
  void watch(int fd, std::uint32_t events, Side* side) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = side;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    for (;;) {
      Fd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket.valid()) return;
      auto flow = std::make_unique<Flow>();
      flow->guest.socket = std::move(socket);
      if (begin(*flow)) flow.release();  // until end()
    }
  }

  /// Decides, and dials. The ClientHello is there: the listener waits for it (TCP_DEFER_ACCEPT).
  bool begin(Flow& flow) {
    auto& [guest, origin] = flow;
    const ssize_t n = recv(guest.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (n <= 0 || !names_.contains(enforcer::bench::server_name({buffer_.data(), static_cast<std::size_t>(n)}))) {
      const linger now{.l_onoff = 1, .l_linger = 0};  // a reset, which leaves nothing behind
      setsockopt(guest.socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
      return false;
    }
    guest.held.assign(buffer_.data(), static_cast<std::size_t>(n));
    sockaddr_in destination{};
    socklen_t size = sizeof destination;
    getsockname(guest.socket.get(), reinterpret_cast<sockaddr*>(&destination), &size);
    origin.socket = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int result = connect(origin.socket.get(), reinterpret_cast<const sockaddr*>(&destination), size);
    if (result != 0 && errno != EINPROGRESS) return false;
    guest.flow = origin.flow = &flow;
    guest.other = &origin;
    origin.other = &guest;
    for (Side* side : {&guest, &origin}) watch(side->socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, side);
    return true;
  }

  void advance(Side& side, std::uint32_t events) {
    Flow& flow = *side.flow;
    if ((events & EPOLLERR) != 0) return end(flow);
    bool fine = true;
    if ((events & EPOLLOUT) != 0 && (!side.other->held.empty() || side.other->piped > 0)) fine = pump(*side.other);
    if (fine && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) fine = pump(side);
    if (!fine || (flow.guest.ended && flow.origin.ended)) end(flow);
  }

  /// Moves what there is from one side to the other; false: the connection is broken.
  bool pump(Side& from) {
    constexpr unsigned kHow = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;
    const int source = from.socket.get();
    const int sink = from.other->socket.get();
    while (true) {
      if (!from.held.empty()) {
        const ssize_t n = send(sink, from.held.data(), from.held.size(), MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN;
        from.held.erase(0, static_cast<std::size_t>(n));
        continue;
      }
      if (from.piped > 0) {
        const ssize_t n = splice(from.pipe_out.get(), nullptr, sink, nullptr, from.piped, kHow);
        if (n < 0) return errno == EAGAIN;
        from.piped -= static_cast<std::size_t>(n);
        continue;
      }
      if (from.ended) return true;
      const bool large = from.pipe_in.valid();
      const ssize_t n = large ? splice(source, nullptr, from.pipe_in.get(), nullptr, kPipe, kHow)
                              : recv(source, buffer_.data(), buffer_.size(), 0);
      if (n < 0) return errno == EAGAIN;
      if (n == 0) {
        from.ended = true;
        shutdown(sink, SHUT_WR);
        return true;
      }
      if (large) {
        from.piped = static_cast<std::size_t>(n);
      } else {
        from.held.assign(buffer_.data(), static_cast<std::size_t>(n));
        if (from.held.size() == buffer_.size()) make_pipe(from);
      }
    }
  }

  static void make_pipe(Side& side) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return;
    fcntl(ends[1], F_SETPIPE_SZ, kPipe);
    side.pipe_out = Fd(ends[0]);
    side.pipe_in = Fd(ends[1]);
  }

  /// Closed now, freed when no event of this turn can mean it any more.
  void end(Flow& flow) {
    for (Side* side : {&flow.guest, &flow.origin}) {
      side->flow = nullptr;
      side->socket = Fd();
    }
    ended_.emplace_back(&flow);
  }

  Fd listener_;
  std::unordered_set<std::string_view> names_;
  Fd epoll_;
  std::array<char, kBuffer> buffer_{};
  std::vector<std::unique_ptr<Flow>> ended_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: bench_floor PORT NAMES\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // splice(2) to a side that went away
  Fd listener = enforcer::bench::listen_on(INADDR_ANY, std::atoi(argv[1]), [](const Fd& socket) {
    set(socket, SOL_IP, IP_TRANSPARENT, 1);
    set(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);  // seconds
  });
  std::ifstream file(argv[2]);
  std::vector<std::string> names;
  for (std::string name; file >> name;) names.push_back(std::move(name));
  Relay(std::move(listener), {names.begin(), names.end()}).run();
}
