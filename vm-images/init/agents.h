// Agents: the exec channels of this guest, and everything else that process 1 waits for: one loop over the ports, the
// running commands and the children that ended. What happens on one port leaves the others alone; trust and the time
// are the guest's, whichever port they come by.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "agent.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::guest {

class Agents {
 public:
  explicit Agents(std::vector<Fd> ports);
  Agents(const Agents&) = delete;  // its agents call it back
  Agents& operator=(const Agents&) = delete;

  /// Serves until the host asks for the power to be switched off, or waiting fails.
  Result<> run();

 private:
  Result<> wait_for_work();
  void reap();
  void learn_trust(const std::string& pem);

  Fd children_;  ///< signalfd for SIGCHLD
  std::deque<Agent> agents_;
  std::string trusted_;  ///< what the host last named, as it said it
};

}  // namespace enforcer::guest
