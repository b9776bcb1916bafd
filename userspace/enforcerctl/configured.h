// The configuration file, as the verbs read it that need it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"

namespace enforcer::ctl {

/// The file at `path`, or the one at its usual place. kNotLoaded: it does not load; the message has all its
/// diagnostics, and `hint`, which says how to go on without it (or nothing).
Result<config::Config> loaded_config(const std::optional<std::string>& path, std::string_view hint = {});

}  // namespace enforcer::ctl
