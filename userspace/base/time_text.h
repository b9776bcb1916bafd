// Times as people and scripts read them.
#pragma once

#include <string>

#include "base/deadline.h"

namespace enforcer {

/// RFC 3339, UTC, with milliseconds (cut, not rounded): "2026-01-02T03:04:05.678Z".
[[nodiscard]] std::string utc_text(WallClock::time_point time);

}  // namespace enforcer
