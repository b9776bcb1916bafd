#include "net/dns_socket.h"

#include <netinet/in.h>

#include <cstring>

namespace enforcer::net {
namespace {

/// Reads what the kernel says beside the datagram; false when the packet was not marked by the datapath.
bool read_control(msghdr& message, Datagram& datagram) {
  std::optional<Slot> slot;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_MARK) {
      std::uint32_t mark = 0;
      std::memcpy(&mark, CMSG_DATA(control), sizeof mark);
      slot = slot_of_mark(mark);
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      std::array<std::uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      datagram.destination = IpAddress(bytes);
    }
  }
  if (!slot) return false;
  datagram.slot = *slot;
  return true;
}

}  // namespace

std::optional<Datagram> receive_datagram(int socket) {
  std::optional<Datagram> received(std::in_place);
  while (true) {
    iovec data{received->buffer.data(), received->buffer.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint32_t))];
    msghdr message{};
    message.msg_name = &received->sender.storage;
    message.msg_namelen = sizeof received->sender.storage;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(socket, &message, MSG_DONTWAIT);
    if (size < 0) return std::nullopt;
    if (!read_control(message, *received)) continue;
    received->sender.length = message.msg_namelen;
    received->size = static_cast<std::size_t>(size);
    return received;
  }
}

void send_datagram(int socket, const Datagram& to, Bytes payload) {
  iovec data{const_cast<std::uint8_t*>(payload.data()), payload.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  SocketAddress receiver = to.sender;
  msghdr message{};
  message.msg_name = &receiver.storage;
  message.msg_namelen = receiver.length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IPV6;
  header->cmsg_type = IPV6_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, to.destination.bytes().data(), 16);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  [[maybe_unused]] const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace enforcer::net
