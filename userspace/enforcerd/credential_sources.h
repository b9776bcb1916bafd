// What the configured files say before there is a daemon: the commands that the helper may run, and the
// environment variables that hold secrets.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/paths.h"
#include "credentials/helper.h"

namespace enforcer::enforcerd {

/// Loads the commands, each time it is called, from configured files only: what `policy apply` stored is in a folder
/// that enforcerd can write. For the same reason a file counts only when it and its folder belong to root. `config`
/// outlives the helper.
[[nodiscard]] credentials::ExecLoader exec_loader(const config::Config& config, const config::Paths& paths);

/// The commands that the configuration itself names: `review.notify`, by this name.
[[nodiscard]] std::vector<credentials::ExecSource> configured_commands(const config::Config& config);
inline constexpr const char* kReviewNotify = "review.notify";

/// The variables that are some credential's source; none when the files do not load (which is said elsewhere).
[[nodiscard]] std::vector<std::string> secret_variables(const config::Config& config, const config::Paths& paths);

}  // namespace enforcer::enforcerd
