// open_workspace() with a bound on its time. A folder may lie on a file system whose server does not answer (NFS,
// FUSE): whoever looks at it then waits for as long as that lasts, and cannot always be killed. hostd's one thread
// watches all guests, so a process of its own looks, and hostd waits for its answer for a while.
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"
#include "host/workspace.h"

namespace enforcer::host {

/// As open_workspace(). kTimeout: there was no answer by the deadline; the process ends a moment later, or, where no
/// signal reaches it, when the file system answers, and is nobody's to wait for.
Result<Fd> open_workspace_in_time(const hostproto::Workspace& workspace, const Account& owner,
                                  const std::vector<std::string>& roots, Deadline deadline);

}  // namespace enforcer::host
