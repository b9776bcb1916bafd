// A folder of the host that somebody wants to share with a guest: may they?
//
// hostd is root and the path comes from whoever may create guests, so every question is asked as that account: the path
// is walked with its uid and gid (no other groups), without following a symbolic link, and what was found is held by a
// descriptor. What is shared later is that descriptor, wherever the path leads by then.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "hostproto/messages.h"

namespace enforcer::host {

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// The folder, open with O_PATH. Needs root and a caller without other threads.
///   kInvalid  no path for a workspace, no folder, or a symbolic link in the path
///   kNotFound it does not exist
///   kDenied   not below one of `roots` (a root itself is not), or `owner` may not read it, or not write it where that
///             is asked
/// The message names the path, which is the caller's own.
Result<Fd> open_workspace(const hostproto::Workspace& workspace, const Account& owner,
                          const std::vector<std::string>& roots);

}  // namespace enforcer::host
