#include "enforcerctl/when.h"

#include <fmt/format.h>

#include "control/json.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

Result<WallClock::time_point> parse_when(std::string_view option, const std::string& text) {
  if (const auto duration = parse_duration(text)) return WallClock::now() - *duration;
  const auto time = control::parse_time(text);
  if (!time)
    return fail(Errc::kInvalid,
                fmt::format("{} {}: neither a duration (5m) nor a time (2025-01-31T12:00:00.000Z)", option, text));
  return *time;
}

}  // namespace enforcer::ctl
