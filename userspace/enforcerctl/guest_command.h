// A command in a guest that exists, as if it ran here: what `run` and `guest exec` do in the end.
#pragma once

#include "enforcerctl/exec_options.h"
#include "enforcerctl/exec_session.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// Says what went wrong before or beside the command itself; the status of that, which no command's below 126 is.
int own_failure(const Tool& tool, const Error& error);

/// Runs it to its end and says what went wrong, if anything did; the status for our caller.
int run_in_guest(const Tool& tool, const GuestName& name, const ExecOptions& options, const SignalWatch& signals);

}  // namespace enforcer::ctl
