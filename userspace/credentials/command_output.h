// What a command printed, as a value: plain text, or JSON that also says until when, when it begins with '{':
//
//   {"value": "...", "expires": "2026-12-31T00:00:00Z"}
//
// Other fields are ignored: such commands have more to say than we ask.
#pragma once

#include "credentials/value.h"

namespace enforcer::credentials {

/// kInvalid: not a value (see clean_value), JSON that is broken or lacks "value", an expiry that is no RFC 3339 time or
/// has passed. The message holds nothing of the output.
Result<Value> read_output(std::string_view output, WallClock::time_point now);

/// RFC 3339 5.6: a date, a time, fractions of a second, and "Z" or an offset. Years 1970-2199, no leap seconds.
Result<WallClock::time_point> parse_rfc3339(std::string_view text);

}  // namespace enforcer::credentials
