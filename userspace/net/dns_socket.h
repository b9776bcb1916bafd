// Datagrams of the transparent DNS socket: whose they are, and from which address the answer has to come.
#pragma once

#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "net/socket.h"

namespace enforcer::net {

struct Datagram {
  std::array<std::uint8_t, 4096> buffer;
  std::size_t size = 0;
  SocketAddress sender;
  IpAddress destination;  ///< the server the guest thinks it asked: the answer's source
  Slot slot{};

  [[nodiscard]] Bytes payload() const { return Bytes(buffer).first(size); }
};

/// The next datagram that carries our mark; nothing when none is waiting. One longer than the buffer is cut (no DNS
/// query is).
std::optional<Datagram> receive_datagram(int socket);

/// Answers it, from the address it was sent to. An answer that cannot be sent is lost, as UDP answers are.
void send_datagram(int socket, const Datagram& to, Bytes payload);

}  // namespace enforcer::net
