// Who asked for a guest that shares folders of the host: by the kernel's word, not by enforcerd's.
//
// enforcerd reads what guests and origins write. If it were taken over, it could name any user of the host as the owner
// of a guest, and read that user's folders in it. So the control connection of whoever asked comes beside the request,
// and SO_PEERCRED of it is what counts. What enforcerd could put there instead does not pass: a socketpair has its own
// uid; a connection that it made itself to a socket of that user's has a name at the other end, since only a socket
// with a name can listen, and a client of ours has none. What is left to it are the admins whose client is connected at
// that moment; others, who may only look, it cannot make owners of a guest.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "host/workspace.h"

namespace enforcer::hostd {

struct ControlSocket {
  std::string path;         ///< where enforcerd listens
  uid_t enforcerd_uid = 0;  ///< who owns no guests
  /// Who may make guests there, beside root. None: root alone.
  std::optional<gid_t> admins = std::nullopt;
};

/// Nothing when `connection` (borrowed) is an open connection of `claimed` to that socket. kInvalid: something else.
/// kDenied: somebody else's, of somebody who makes no guests, or of an account that no person has: enforcerd's own, a
/// guest's, nobody's.
Result<> require_caller(int connection, const host::Account& claimed, const ControlSocket& control);

}  // namespace enforcer::hostd
