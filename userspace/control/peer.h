// Who is at the other end of the control socket, by the kernel's word: no password, no token, nothing a client could
// send. The socket is open to everybody (0666), so that the refusal is an answer with a reason and a line in the log.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/peer.h"

namespace enforcer::control {

/// What a caller may do. Everybody who has a role may do what a viewer may; an admin does not decide about held
/// requests for being one (may_act_as).
enum class Role { kNone, kViewer, kReviewer, kAdmin };
[[nodiscard]] std::string_view label(Role role);  ///< "none", "viewer", "reviewer", "admin"

/// The groups that stand for roles; a group that does not exist gives its role to nobody.
struct RoleGroups {
  std::optional<gid_t> viewer;
  std::optional<gid_t> reviewer;
  std::optional<gid_t> admin;

  /// enforcer-viewer, enforcer-reviewer and enforcer-admin of this host. Asked once, before the seccomp filter is set.
  static RoleGroups of_host();
};

/// uid 0 is admin; everybody else is what the strongest of their groups says. The daemon's own user has no role: a
/// service that was taken over must not be able to change its own policy.
[[nodiscard]] Role role_of(const Peer& peer, const RoleGroups& groups);

/// Whether the peer may do what needs `needed` (not kNone). Reviewers are those of the reviewers' group, whatever else
/// they are, and uid 0, of whom the desk wants more where it matters.
[[nodiscard]] bool may_act_as(const Peer& peer, const RoleGroups& groups, Role needed);

/// What the account of this uid is called in /etc/passwd, or the uid's digits. Accounts that live elsewhere (LDAP) have
/// digits: asking for those would load other people's libraries into a confined process.
[[nodiscard]] std::string account_name(uid_t uid);

}  // namespace enforcer::control
