#include "control/peer.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>

namespace enforcer::control {
namespace {

std::optional<gid_t> group_named(const char* name) {
  const group* entry = getgrnam(name);
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

/// NGROUPS_MAX groups of 4 bytes each: more than that the kernel has not.
constexpr std::size_t kMaxGroups = 65536;

}  // namespace

std::string_view label(Role role) {
  switch (role) {
    case Role::kNone:
      return "none";
    case Role::kViewer:
      return "viewer";
    case Role::kReviewer:
      return "reviewer";
    case Role::kAdmin:
      return "admin";
  }
  return "none";
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
  return Peer{.uid = credentials.uid, .pid = credentials.pid, .groups = std::move(groups)};
}

RoleGroups RoleGroups::of_host() {
  return {.viewer = group_named("enforcer-viewer"),
          .reviewer = group_named("enforcer-reviewer"),
          .admin = group_named("enforcer-admin")};
}

Role role_of(const Peer& peer, const RoleGroups& groups) {
  const auto member_of = [&](const std::optional<gid_t>& group) {
    return group && std::ranges::find(peer.groups, *group) != peer.groups.end();
  };
  if (peer.uid == 0 || member_of(groups.admin)) return Role::kAdmin;
  if (member_of(groups.reviewer)) return Role::kReviewer;
  if (member_of(groups.viewer)) return Role::kViewer;
  return Role::kNone;
}

}  // namespace enforcer::control
