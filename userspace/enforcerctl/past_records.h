// Where records of the past come from: the daemon's log over the control socket, or the files of a log.
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "enforcerctl/broken_lines.h"
#include "enforcerctl/history.h"
#include "enforcerctl/tool.h"

namespace CLI {
class App;
}

namespace enforcer::ctl {

/// --guest, -l, --since and --audit, as they were given.
struct PastOptions {
  std::string guest;
  std::vector<std::string> labels;
  std::string since;
  std::string audit;  ///< the path of a log whose files are read instead of asking the daemon
};

/// Binds them to the verb. `since`: what holds without --since, for people.
void add_past_options(CLI::App& verb, PastOptions& options, const std::string& since);

struct Past {
  History history;
  LogState log = LogState::kReadable;  ///< kBroken: lines were left out, and were named on standard error
};

/// kInvalid: the options; kNotFound: no such log; kUnavailable: too much in it.
Result<Past> read_past(const Tool& tool, const PastOptions& options);

}  // namespace enforcer::ctl
