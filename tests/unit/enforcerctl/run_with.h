// The tool against the daemon's own control server, which answers made-up things.
#pragma once

#include <string>
#include <vector>

#include "../control/fake_daemon.h"
#include "captured_terminal.h"

namespace enforcer::ctl::testing {

inline Ran run_with(const control::testing::FakeDaemon& daemon, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--socket", daemon.socket()});
  return run(arguments);
}

}  // namespace enforcer::ctl::testing
