#include "base/time_text.h"

#include <doctest/doctest.h>

namespace enforcer {

TEST_CASE("a time is written in UTC with milliseconds, cut") {
  using std::chrono::microseconds;
  const auto text = [](std::int64_t micros) { return utc_text(WallClock::time_point(microseconds(micros))); };
  CHECK(text(0) == "1970-01-01T00:00:00.000Z");
  CHECK(text(999) == "1970-01-01T00:00:00.000Z");
  CHECK(text(1'767'323'045'678'999) == "2026-01-02T03:04:05.678Z");
  CHECK(text(-1) == "1969-12-31T23:59:59.999Z");
}

}  // namespace enforcer
