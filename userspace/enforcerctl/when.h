// A time on the command line: how long ago, or when.
#pragma once

#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::ctl {

/// "5m" ago, or a time as records have it; kInvalid names the option.
Result<WallClock::time_point> parse_when(std::string_view option, const std::string& text);

}  // namespace enforcer::ctl
