// The exit codes of the tool: an interface for scripts, documented in --help. `run` and `guest exec` have
// the command's (guest_command.h).
#pragma once

#include "base/result.h"

namespace enforcer::ctl {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kFindings =
      3,  ///< problems were found: policies that do not load, explain said no; status: the daemon is not running
  kNotPermitted = 4,
  kNotFound = 5,
  kTimeout = 6,
  kConflict = 7,
};

[[nodiscard]] ExitCode exit_code_of(Errc code);

}  // namespace enforcer::ctl
