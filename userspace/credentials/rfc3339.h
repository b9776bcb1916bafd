// Times as texts, of RFC 3339: until when a value lives.
#pragma once

#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::credentials {

/// RFC 3339 5.6: a date, a time, fractions of a second, and "Z" or an offset. Years 1970-2199, no leap seconds.
Result<WallClock::time_point> parse_rfc3339(std::string_view text);

}  // namespace enforcer::credentials
