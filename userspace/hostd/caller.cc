#include "hostd/caller.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/peer.h"
#include "host/microvm.h"

namespace enforcer::hostd {
namespace {

constexpr uid_t kNobody = 65534;          // also whoever has no uid in our user namespace
constexpr uid_t kMostGuests = 0xff'ffff;  // the highest slot (Records::next_slot)

std::optional<int> option_of(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(socket, SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
  return value;
}

/// The path in an address, empty where there is none; an abstract name begins with a zero octet.
std::string_view path_in(const sockaddr_un& address, socklen_t size) {
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path);
  if (size <= kBefore) return {};
  // A name that fills all of it has no zero octet, and the kernel counts one (unix(7), BUGS).
  const std::string_view path(address.sun_path, std::min(size - kBefore, sizeof address.sun_path));
  return path.front() == '\0' ? path : path.substr(0, path.find('\0'));
}

/// One that was accepted by whoever listens at `path`, from a client without a name.
bool was_accepted_at(int socket, const std::string& path) {
  sockaddr_un ours{};
  sockaddr_un theirs{};
  socklen_t ours_size = sizeof ours;
  socklen_t theirs_size = sizeof theirs;
  return option_of(socket, SO_DOMAIN) == AF_UNIX && option_of(socket, SO_TYPE) == SOCK_STREAM &&
         getsockname(socket, reinterpret_cast<sockaddr*>(&ours), &ours_size) == 0 &&
         getpeername(socket, reinterpret_cast<sockaddr*>(&theirs), &theirs_size) == 0 &&
         path_in(ours, ours_size) == path && path_in(theirs, theirs_size).empty();
}

bool is_open(int socket) {
  pollfd state{socket, 0, 0};
  return poll(&state, 1, 0) >= 0 && (state.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

bool is_nobodys(uid_t uid, const ControlSocket& control) {
  return uid == control.enforcerd_uid || uid == kNobody ||
         (uid >= host::kGuestUidBase && uid <= host::kGuestUidBase + kMostGuests);
}

}  // namespace

Result<> require_caller(int connection, const host::Account& claimed, const ControlSocket& control) {
  if (!was_accepted_at(connection, control.path)) {
    return fail(Errc::kInvalid,
                fmt::format("what came beside the request is no client's connection to {}", control.path));
  }
  if (!is_open(connection)) return fail(Errc::kDenied, "whoever asked for workspaces is not connected any more");
  const Peer who = TRY(peer_of(connection));
  if (who.uid != claimed.uid || who.gid != claimed.gid) {
    return fail(Errc::kDenied, fmt::format("workspaces were asked for by {}:{}, and not by {}:{}", who.uid, who.gid,
                                           claimed.uid, claimed.gid));
  }
  if (is_nobodys(who.uid, control))
    return fail(Errc::kDenied, fmt::format("uid {} is no person's, and shares no workspaces", who.uid));
  if (who.uid != 0 && !who.belongs_to(control.admins)) {
    return fail(Errc::kDenied,
                fmt::format("uid {} may not make guests: only root and members of enforcer-admin may", who.uid));
  }
  return {};
}

}  // namespace enforcer::hostd
