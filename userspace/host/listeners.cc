// One dual-stack listener for each worker, each on its own port and never with SO_REUSEPORT: inside such a group the
// kernel chooses again and overrides what the BPF program chose. All of them are IPV6_TRANSPARENT, so that
// getsockname() on an accepted socket is the guest's original destination.
//
// The TCP ports mean nothing and are the kernel's choice: after a restart of hostd an enforcerd that lived on still
// holds the listeners it was given before, while new ones are being opened for it.
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "host/gateway.h"

#ifndef SO_RCVMARK
#define SO_RCVMARK 75  // Linux 6.0; older kernels refuse it, and enforcerd then knows the guest by the interface
#endif

namespace enforcer::host {
namespace {

constexpr std::uint16_t kAnyPort = 0;
constexpr std::uint16_t kDnsPort = 53;  // answers must come from port 53, so the socket is bound to it
constexpr int kBacklog = 4096;
constexpr int kPipeBytes = 1024 * 1024;
constexpr int kDnsBuffer = 4 * 1024 * 1024;  // some 5,000 queries, by the kernel's way of counting

template <class T>
Result<> set_option(const Fd& socket, int level, int option, const T& value, const char* name) {
  if (setsockopt(socket.get(), level, option, &value, sizeof value) != 0) {
    return fail_errno(fmt::format("cannot set {}", name));
  }
  return {};
}

Result<Fd> open_transparent(int type, std::uint16_t port) {
  Fd socket(::socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno("cannot open an IPv6 socket (is IPv6 disabled on this host?)");
  TRY_VOID(set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY"));
  TRY_VOID(set_option(socket, IPPROTO_IPV6, IPV6_TRANSPARENT, 1, "IPV6_TRANSPARENT"));
  if (type == SOCK_DGRAM) {
    // The DNS socket before this one may still be open; which of them gets a query is the BPF program's choice.
    TRY_VOID(set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  }
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail_errno(fmt::format("cannot bind to port {} of the gateway namespace", port));
  }
  return socket;
}

Result<Fd> open_tcp() {
  Fd socket = TRY(open_transparent(SOCK_STREAM, kAnyPort));
  // A killed enforcerd must not look like a good end of a download: closing without further ado is a reset. Accepted
  // sockets inherit this.
  TRY_VOID(set_option(socket, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0}, "SO_LINGER"));
  // The guest's leg is a wire of microseconds without loss: a model of a bottleneck (bbr) only adds delay. An
  // unprivileged process may not choose, so it is chosen here; reno is in every kernel.
  constexpr std::string_view kCubic = "cubic";
  constexpr std::string_view kReno = "reno";
  if (setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, kCubic.data(), kCubic.size()) != 0 &&
      setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, kReno.data(), kReno.size()) != 0) {
    return fail_errno("cannot set TCP_CONGESTION");
  }
  if (listen(socket.get(), kBacklog) != 0) return fail_errno("cannot listen");
  return socket;
}

Result<Fd> open_dns() {
  Fd socket = TRY(open_transparent(SOCK_DGRAM, kDnsPort));
  TRY_VOID(set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
  // All guests' queries wait in it: a second of one that floods, and everybody else's.
  TRY_VOID(set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, kDnsBuffer, "SO_RCVBUFFORCE"));
  constexpr int kOn = 1;
  if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVMARK, &kOn, sizeof kOn) != 0 && errno != ENOPROTOOPT) {
    return fail_errno("cannot set SO_RCVMARK");
  }
  return socket;
}

}  // namespace

Result<Listeners> open_listeners(const Gateway& gateway, unsigned workers) {
  const NetnsScope inside = TRY(NetnsScope::enter(gateway.netns()));
  Listeners listeners;
  for (unsigned worker = 0; worker < workers; ++worker) {
    listeners.tcp.push_back(TRY(open_tcp()));
  }
  listeners.dns = TRY(open_dns());
  return listeners;
}

std::vector<Fd> make_pipes(unsigned count) {
  std::vector<Fd> ends;
  for (unsigned i = 0; i < count; ++i) {
    int fds[2];
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) break;
    Fd read_end(fds[0]);
    Fd write_end(fds[1]);
    if (fcntl(write_end.get(), F_SETPIPE_SZ, kPipeBytes) != kPipeBytes) break;
    ends.push_back(std::move(read_end));
    ends.push_back(std::move(write_end));
  }
  return ends;
}

}  // namespace enforcer::host
