// What `reload`, `policy apply`, `policy rollback` and `run --policy` share: the daemon loads policies, and the
// problems come back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/api.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

struct Loaded {
  control::LoadAnswer answer;
  std::string body;  ///< the answer as it came
};

/// Posts `body`. Policies that do not load are an answer; an Error is everything else. The answer comes when every
/// guest is decided about by what was loaded; kTimeout: it did not within `patience`, and may have been loaded all the
/// same.
Result<Loaded> load_policies(const Tool& tool, std::string_view target, std::string_view body,
                             std::chrono::seconds patience = Tool::kPatience);

/// The body that asks to apply these files. kNotLoaded: one of them cannot be read.
Result<std::string> apply_request(const std::vector<std::string>& files);

/// The same, reported: problems on standard output, the new generation on standard error. kFindings when nothing was
/// loaded.
[[nodiscard]] ExitCode load_and_report(const Tool& tool, std::string_view target, std::string_view body,
                                       std::chrono::seconds patience = Tool::kPatience);

}  // namespace enforcer::ctl
