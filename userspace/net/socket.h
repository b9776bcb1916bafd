// Plain socket calls on descriptors that somebody else owns. All of them are non-blocking; none of them closes
// anything.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/ids.h"
#include "base/ip.h"

namespace enforcer::net {

/// A socket address with its length, as bind(2) and connect(2) want it. Always AF_INET6: IPv4 travels mapped, so one
/// socket type serves both families.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
[[nodiscard]] SocketAddress to_socket_address(const Endpoint& endpoint);

/// What the guest dialled: a transparent socket's own address is the original destination.
Result<Endpoint> original_destination(int socket);

/// The slot in the socket's mark (bpf/abi.h), or nothing when the mark does not carry our magic.
std::optional<Slot> slot_of(int socket);
[[nodiscard]] std::optional<Slot> slot_of_mark(std::uint32_t mark);

/// How many connections wait to be accepted; where the kernel does not say, more than there can be. Saves the accept(2)
/// that finds none, which makes a socket first.
[[nodiscard]] std::size_t accept_queue_length(int listener);
/// The next connection of a listener, non-blocking and close-on-exec; nothing when none is waiting.
Result<std::optional<Fd>> accept_one(int listener);

/// Who speaks first on a new connection. kWe: we do, and at once, so the ACK of the handshake waits for our first
/// octets and travels with them: one packet less, and the peer wakes once (tcp(7), TCP_QUICKACK). Where the server may
/// speak first that would delay it: kAnybody.
enum class FirstWord : std::uint8_t { kWe, kAnybody };

/// Starts a connection to `to` from a new non-blocking socket; the socket is writable when it is done.
Result<Fd> start_connect(const Endpoint& to, FirstWord first = FirstWord::kAnybody);
/// A started connection is established already, as towards this host or a near one it often is: connect(2) says
/// EINPROGRESS even then, for the answer is taken only as it returns.
[[nodiscard]] bool is_connected(int socket);
/// How a started connection ended.
Result<> finish_connect(int socket);

/// close(2) sends RST and drops what is queued: what a session does unless it ended well (SO_LINGER {1,0}).
void reset_on_close(int socket);
/// close(2) sends what is queued and then FIN.
void finish_on_close(int socket);
/// From now on small writes leave at once; what the socket kept after MSG_MORE or SPLICE_F_MORE leaves as
/// soon as the peer has room (tcp(7), TCP_NODELAY).
void send_at_once(int socket);

/// Is this one of the machine's own addresses? Asked of the kernel's routing, so that no list can be stale: what one
/// would send there comes from that very address. When the kernel cannot be asked, it is (invariant 8).
[[nodiscard]] bool is_local_address(const IpAddress& address);

}  // namespace enforcer::net
