// The policy files a person names on the command line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/loader.h"

namespace enforcer::ctl {

/// Files and folders, and standard input for "-" (called "<stdin>" in diagnostics). What cannot be read is among them
/// with its refusal, and so is a folder without any policy file, which is more likely a mistake than a wish.
[[nodiscard]] std::vector<policy::SourceText> read_policy_files(const std::vector<std::string>& names);

/// kNotLoaded, with all the errors among the diagnostics, each on a line below `what`.
[[nodiscard]] std::unexpected<Error> not_loaded(std::string_view what, std::span<const policy::Diagnostic> diagnostics);

}  // namespace enforcer::ctl
