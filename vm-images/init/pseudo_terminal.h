// A terminal for one command: a pair of devices, of which init keeps the master (pty(7)).
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "hostproto/exec_frame.h"

namespace enforcer::guest {

struct PseudoTerminal {
  /// A pair with that size, whose slave belongs to `owner`, so that programs may open it by its name. Needs devpts on
  /// /dev/pts.
  static Result<PseudoTerminal> make(hostproto::WindowSize size, uid_t owner);

  Fd master;
  Fd slave;
};

/// Tells the terminal's foreground process group, too (SIGWINCH). `master`: of a pair.
void resize_terminal(int master, hostproto::WindowSize size);

/// The process group that what is typed goes to; 0 when there is none (yet).
[[nodiscard]] pid_t foreground_group(int master);

}  // namespace enforcer::guest
