#include "base/peer.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace enforcer {
namespace {

/// NGROUPS_MAX groups of 4 bytes each: more than that the kernel has not.
constexpr std::size_t kMaxGroups = 65536;

}  // namespace

bool Peer::belongs_to(const std::optional<gid_t>& group) const {
  return group && std::ranges::find(groups, *group) != groups.end();
}

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return fail_errno("SO_PEERCRED");

  std::vector<gid_t> groups(32);
  length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) {
    // ERANGE tells the size that is needed.
    if (errno != ERANGE || length > kMaxGroups * sizeof(gid_t)) return fail_errno("SO_PEERGROUPS");
    groups.resize(length / sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) return fail_errno("SO_PEERGROUPS");
  }
  groups.resize(length / sizeof(gid_t));
  groups.push_back(credentials.gid);
  return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid, .groups = std::move(groups)};
}

std::optional<gid_t> group_named(const char* name) {
  const group* entry = getgrnam(name);
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

}  // namespace enforcer
