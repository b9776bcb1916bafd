// enforcerctl: the admin's tool. The verbs are in files of their own; verbs.h is the table of contents.
#include <csignal>
#include <string>
#include <vector>

#include "enforcerctl/verbs.h"

int main(int argc, char** argv) {
  // A reader that goes away is seen by write(2), not by a signal in the middle of a clean-up.
  std::signal(SIGPIPE, SIG_IGN);
  enforcer::ctl::ProcessTerminal terminal;
  return enforcer::ctl::run_tool(std::vector<std::string>(argv + 1, argv + argc), terminal);
}
