// The policy files a person names on the command line.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/loader.h"

namespace enforcer::ctl {

/// Files and folders, and standard input for "-" (called "<stdin>" in diagnostics). kInvalid when there is no policy
/// file at all: an empty folder is more likely a mistake than a wish.
Result<std::vector<policy::SourceText>> read_policy_files(const std::vector<std::string>& names);

}  // namespace enforcer::ctl
