#include "power.h"

#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

#include "workspaces.h"

namespace enforcer::guest {

void power_off() {
  ::kill(-1, SIGKILL);
  flush_workspaces();        // the scratch disk ends with us: what is not on it yet need not get there
  ::tcdrain(STDERR_FILENO);  // a last word on the console may say why
  ::reboot(RB_POWER_OFF);
  ::reboot(RB_AUTOBOOT);   // QEMU runs with -no-reboot: a reset ends it just as well
  while (true) ::pause();  // process 1 must not return: the kernel would panic
}

}  // namespace enforcer::guest
