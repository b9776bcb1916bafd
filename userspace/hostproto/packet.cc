// Packets over a SOCK_SEQPACKET socket with descriptors beside them. Descriptors that arrive are owned from the first
// instruction on: whatever is wrong with the packet, none of them leaks.
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

constexpr std::size_t kMaxDescriptors = 253;  // SCM_MAX_FD of the kernel

union ControlBuffer {
  cmsghdr align;
  std::uint8_t bytes[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
};

std::vector<Fd> take_descriptors(msghdr& header) {
  std::vector<Fd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

}  // namespace

Result<> send_packet(int socket, std::string_view text, const std::vector<int>& descriptors) {
  if (text.size() > kMaxMessage) return fail(Errc::kInvalid, "message of more than 64 KiB");
  if (descriptors.size() > kMaxDescriptors) return fail(Errc::kInvalid, "more than 253 descriptors beside one message");

  iovec part{const_cast<char*>(text.data()), text.size()};  // sendmsg(2) only reads it
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control{};
  if (!descriptors.empty()) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
  }
  // Never blocking: a peer that does not read is a broken peer, and neither end waits for one.
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail_errno("cannot send to the peer");
  return {};
}

Result<std::optional<Packet>> receive_packet(int socket) {
  Packet packet;
  packet.text.resize(kMaxMessage + 1);  // one byte more than allowed, so that "too long" is seen and not cut off
  iovec part{packet.text.data(), packet.text.size()};
  ControlBuffer control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  ssize_t received = 0;
  do {
    received = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (received < 0) return fail_errno("cannot receive from the peer");

  packet.descriptors = take_descriptors(header);
  // An empty packet looks like the end of file; nobody sends one, so both mean that the peer is gone.
  if (received == 0) return fail(Errc::kIo, "the peer closed the connection");
  if ((header.msg_flags & MSG_TRUNC) != 0 || static_cast<std::size_t>(received) > kMaxMessage) {
    return fail(Errc::kInvalid, "message of more than 64 KiB");
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    return fail(Errc::kIo, "descriptors were lost: the limit of open files (RLIMIT_NOFILE) is too low");
  }
  packet.text.resize(static_cast<std::size_t>(received));
  return packet;
}

}  // namespace enforcer::hostproto
