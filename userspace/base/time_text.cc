#include "base/time_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace enforcer {

std::string utc_text(WallClock::time_point time) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(WallClock::to_time_t(seconds)),
                     (millis - seconds).count());
}

}  // namespace enforcer
