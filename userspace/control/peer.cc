#include "control/peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace enforcer::control {
namespace {

std::optional<gid_t> group_named(const char* name) {
  const group* entry = getgrnam(name);
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

bool belongs_to(const Peer& peer, const std::optional<gid_t>& group) {
  return group && std::ranges::find(peer.groups, *group) != peer.groups.end();
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
  return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid, .groups = std::move(groups)};
}

RoleGroups RoleGroups::of_host() {
  return {.viewer = group_named("enforcer-viewer"),
          .reviewer = group_named("enforcer-reviewer"),
          .admin = group_named("enforcer-admin")};
}

Role role_of(const Peer& peer, const RoleGroups& groups) {
  if (peer.uid == 0 || belongs_to(peer, groups.admin)) return Role::kAdmin;
  if (belongs_to(peer, groups.reviewer)) return Role::kReviewer;
  if (belongs_to(peer, groups.viewer)) return Role::kViewer;
  return Role::kNone;
}

bool may_act_as(const Peer& peer, const RoleGroups& groups, Role needed) {
  if (needed == Role::kReviewer) return peer.uid == 0 || belongs_to(peer, groups.reviewer);
  return role_of(peer, groups) >= needed;
}

std::string account_name(uid_t uid) {
  const std::unique_ptr<FILE, int (*)(FILE*)> accounts(std::fopen("/etc/passwd", "re"), &std::fclose);
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  while (accounts && fgetpwent_r(accounts.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (entry.pw_uid == uid) return entry.pw_name;
  }
  return std::to_string(uid);
}

}  // namespace enforcer::control
