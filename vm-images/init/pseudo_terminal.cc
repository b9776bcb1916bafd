#include "pseudo_terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace enforcer::guest {

Result<PseudoTerminal> PseudoTerminal::make(hostproto::WindowSize size, uid_t owner) {
  PseudoTerminal pair;
  pair.master = Fd(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!pair.master.valid()) return fail_errno("/dev/ptmx");
  const int unlocked = 0;
  if (::ioctl(pair.master.get(), TIOCSPTLCK, &unlocked) != 0) return fail_errno("a terminal");
  // Not by its path: whatever lies there now.
  pair.slave = Fd(::ioctl(pair.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pair.slave.valid()) return fail_errno("a terminal");
  if (::fchown(pair.slave.get(), owner, static_cast<gid_t>(-1)) != 0) return fail_errno("a terminal");
  resize_terminal(pair.master.get(), size);
  return pair;
}

void resize_terminal(int master, hostproto::WindowSize size) {
  const winsize window{.ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  (void)::ioctl(master, TIOCSWINSZ, &window);
}

pid_t foreground_group(int master) {
  pid_t group = 0;
  return ::ioctl(master, TIOCGPGRP, &group) == 0 ? group : 0;
}

}  // namespace enforcer::guest
