// enforcer-init, process 1 of every image. Boots in a straight line, then answers the exec channels until it is told to
// power off. A step that fails is said on the console and the boot goes on: a guest without a network can still be
// asked what is wrong with it. Two steps must succeed, or the machine goes off: on half a root, or as another user than
// the host named, commands would run and do something else than they were meant to.
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
#include "root.h"
#include "user.h"
#include "workspaces.h"

namespace {

/// What every command finds in its environment unless it was given something else.
void set_environment() {
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  ::setenv("HOME", "/root", 1);
  ::setenv("LANG", "C.UTF-8", 1);  // without it, programs take file names for ASCII
}

/// For a step that nothing can go on without.
void require(std::string_view step, const enforcer::Result<>& result) {
  enforcer::guest::report(step, result);
  if (!result) enforcer::guest::power_off();
}

}  // namespace

int main() {
  using namespace enforcer::guest;
  std::signal(SIGPIPE, SIG_IGN);
  set_environment();
  report("mounting", mount_file_systems());
  report("loading modules", load_modules("/lib/modules/enforcer"));
  const BootParameters parameters = read_boot_parameters("/proc/cmdline");
  require("entering the root file system", enter_root(parameters.root));
  report("naming the guest", name_guest(parameters));
  report("configuring the network", configure_network(parameters));
  require("making the user", make_user(parameters.user));
  report("mounting the workspaces", mount_workspaces(parameters.workspaces));
  auto ports = open_exec_ports();
  report("opening the exec channels", ports);
  if (ports) {
    say("ready");
    report("answering the exec channels", Agents(*std::move(ports)).run());
  }
  power_off();
}
