// Who is at the other end of a unix socket, by the kernel's word.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "base/result.h"

namespace enforcer {

struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;  ///< the primary one
  pid_t pid = 0;
  std::vector<gid_t> groups;  ///< gid and the supplementary ones, at the time of connect(2)

  /// None: a group that does not exist, to which nobody belongs.
  [[nodiscard]] bool belongs_to(const std::optional<gid_t>& group) const;
};

/// The peer of a connected unix socket (SO_PEERCRED, SO_PEERGROUPS).
Result<Peer> peer_of(int socket);

/// The gid of a group of this host; none: there is no such group.
std::optional<gid_t> group_named(const char* name);

}  // namespace enforcer
