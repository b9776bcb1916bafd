#include "control/peer.h"

#include <pwd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace enforcer::control {

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

RoleGroups RoleGroups::of_host() {
  return {.viewer = group_named("enforcer-viewer"),
          .reviewer = group_named("enforcer-reviewer"),
          .admin = group_named("enforcer-admin")};
}

Role role_of(const Peer& peer, const RoleGroups& groups) {
  if (peer.uid == 0 || peer.belongs_to(groups.admin)) return Role::kAdmin;
  if (peer.belongs_to(groups.reviewer)) return Role::kReviewer;
  if (peer.belongs_to(groups.viewer)) return Role::kViewer;
  return Role::kNone;
}

bool may_act_as(const Peer& peer, const RoleGroups& groups, Role needed) {
  if (needed == Role::kReviewer) return peer.uid == 0 || peer.belongs_to(groups.reviewer);
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
