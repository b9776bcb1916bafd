// enforcer-init: process 1 of the `mini` image. Boots in a straight line, then answers the exec channels until it is
// told to power off. A step that fails is said on the console and the boot goes on: a guest without a network can still
// be asked what is wrong with it; only without the exec channels is there nothing left to do.
#include <csignal>
#include <cstdlib>

#include "agents.h"
#include "boot_parameters.h"
#include "console.h"
#include "exec_port.h"
#include "file_systems.h"
#include "modules.h"
#include "network.h"
#include "power.h"

namespace {

/// What every command finds in its environment unless it was given something else.
void set_environment() {
  ::setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", "/root", 1);
}

}  // namespace

int main() {
  using namespace enforcer::guest;
  std::signal(SIGPIPE, SIG_IGN);
  set_environment();
  report("mounting", mount_file_systems());
  report("loading modules", load_modules("/lib/modules/enforcer"));
  const BootParameters parameters = read_boot_parameters("/proc/cmdline");
  report("naming the guest", name_guest(parameters));
  report("configuring the network", configure_network(parameters));
  auto ports = open_exec_ports();
  report("opening the exec channels", ports);
  if (ports) {
    say("ready");
    report("answering the exec channels", Agents(*std::move(ports)).run());
  }
  power_off();
}
