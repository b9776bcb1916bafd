#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>

#include "abi.h"

namespace enforcer::net {
namespace {

Endpoint to_endpoint(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), Port{ntohs(v4.sin_port)}};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  return {IpAddress(bytes), Port{ntohs(v6.sin6_port)}};
}

void delay_acknowledgement(int socket) {
  const int off = 0;
  setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

}  // namespace

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress address;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<std::uint16_t>(endpoint.port));
  std::memcpy(&v6.sin6_addr, endpoint.address.bytes().data(), 16);
  address.length = sizeof v6;
  return address;
}

Result<Endpoint> original_destination(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return fail_errno("getsockname");
  return to_endpoint(storage);
}

std::optional<Slot> slot_of_mark(std::uint32_t mark) {
  if ((mark & ENFORCER_MARK_MASK) != ENFORCER_MARK_MAGIC) return std::nullopt;
  return Slot{mark & ENFORCER_SLOT_MASK};
}

std::optional<Slot> slot_of(int socket) {
  std::uint32_t mark = 0;
  socklen_t length = sizeof mark;
  if (getsockopt(socket, SOL_SOCKET, SO_MARK, &mark, &length) != 0) return std::nullopt;
  return slot_of_mark(mark);
}

std::size_t accept_queue_length(int listener) {
  // Of a listener: the connections that are ready for accept(2), as ss(8) shows them.
  tcp_info info{};
  socklen_t length = offsetof(tcp_info, tcpi_unacked) + sizeof info.tcpi_unacked;
  if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::numeric_limits<std::size_t>::max();
  return info.tcpi_unacked;
}

Result<std::optional<Fd>> accept_one(int listener) {
  while (true) {
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return std::optional<Fd>(Fd(accepted));
    if (errno == EAGAIN) return std::optional<Fd>();
    // accept(2): the connection was aborted, or an error already pending on it; the next one may be fine.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    return fail_errno("accept");
  }
}

Result<Fd> start_connect(const Endpoint& to, FirstWord first) {
  // A socket of the address's own family: a mapped address on an AF_INET6 socket costs a detour in every packet.
  const bool four = to.address.is_v4();
  Fd socket(::socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket.valid()) return fail_errno("socket");
  send_at_once(socket.get());
  if (first == FirstWord::kWe) delay_acknowledgement(socket.get());
  SocketAddress address = to_socket_address(to);
  if (four) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4 = sockaddr_in{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<std::uint16_t>(to.port));
    v4.sin_addr.s_addr = htonl(to.address.v4_host_order());
    address.length = sizeof v4;
  }
  if (connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) return fail_errno("connect");
  return socket;
}

bool is_connected(int socket) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

Result<> finish_connect(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return fail_errno("getsockopt SO_ERROR");
  if (error != 0) return fail(Errc::kIo, std::strerror(error));
  return {};
}

void reset_on_close(int socket) {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

void finish_on_close(int socket) {
  const linger graceful{.l_onoff = 0, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &graceful, sizeof graceful);
}

void send_at_once(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

namespace {

/// An address of many: the kernel lets anybody listen there, and it is nobody's own.
bool is_group(const IpAddress& address) {
  if (!address.is_v4()) return address.bytes()[0] == 0xff;
  return address.v4_host_order() >> 28 == 0xe || address.v4_host_order() == 0xffffffff;
}

}  // namespace

bool is_local_address(const IpAddress& address) {
  if (is_group(address)) return false;
  if (address == IpAddress::v4(0) || address == IpAddress()) return true;  // the kernel takes them for loopback
  const Fd probe(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int off = 0;  // IPv4 travels mapped, whatever net.ipv6.bindv6only says
  if (!probe.valid() || setsockopt(probe.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) return true;
  constexpr Port kDiscard{9};
  const SocketAddress there = to_socket_address({address, kDiscard});
  // Only the route is looked up; nothing is sent. Where there is none (EINVAL: a link-local address without its link),
  // nobody can connect either; any other failure is ours.
  if (connect(probe.get(), there.get(), there.length) != 0) {
    return errno != ENETUNREACH && errno != EHOSTUNREACH && errno != EINVAL;
  }
  sockaddr_storage source{};
  socklen_t length = sizeof source;
  if (getsockname(probe.get(), reinterpret_cast<sockaddr*>(&source), &length) != 0) return true;
  return to_endpoint(source).address == address;
}

}  // namespace enforcer::net
