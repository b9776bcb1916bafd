// Runs a program of the system (nft) to its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::host {

/// Starts argv[0] (an absolute path) in the calling thread's namespaces with an empty environment, gives it `input`,
/// and returns what it wrote to standard output. kUnavailable: not installed. kTimeout: killed at the deadline. kIo: it
/// failed; the message has the first line it wrote to standard error. `input` and the outputs are at most 64 KiB.
[[nodiscard]] Result<std::string> run_command(const std::vector<std::string>& argv, std::string_view input,
                                              Deadline deadline);

}  // namespace enforcer::host
