// What the helper process does after it has been forked and confined: requests in, commands run, replies out.
#pragma once

#include "credentials/helper.h"

namespace enforcer::credentials {

/// Serves `socket` until it is closed or SIGTERM comes (blocked by the caller, so that it can be waited for); then
/// every command is killed and the process ends.
[[noreturn]] void serve_commands(Fd socket, const ExecLoader& loader, const ExecLimits& limits,
                                 const std::vector<ExecSource>& always);

}  // namespace enforcer::credentials
