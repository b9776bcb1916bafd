// Which audit log a verb reads.
#pragma once

#include <string>

#include "base/result.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// The path that was given, else that of the configuration file; kInvalid: the file does not load.
Result<std::string> audit_path(const Tool& tool, const std::string& given);

}  // namespace enforcer::ctl
