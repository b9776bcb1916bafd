#include "control/json.h"

#include <doctest/doctest.h>

using namespace enforcer;
using namespace enforcer::control;

TEST_CASE("a_time_is_read_as_it_is_written_and_in_no_other_way") {
  for (const char* text : {"1970-01-01T00:00:00.000Z", "2025-01-31T12:34:56.789Z", "2261-12-31T23:59:59.999Z"}) {
    CAPTURE(text);
    const auto time = parse_time(text);
    REQUIRE(time.has_value());
    CHECK(format_time(*time) == text);
  }
  for (const char* text :
       {"", "0025-01-31T12:00:00.000Z", "1969-12-31T23:59:59.999Z", "2262-01-01T00:00:00.000Z",
        "2025-02-31T12:00:00.000Z", "2025-01-31T92:00:00.000Z", "2025-13-01T00:00:00.000Z", "+025-01-01T00:00:00.000Z",
        "2025-01-31T12:00:00.000", "2025-01-31T12:00:00Z", "2025-01-31T12:00:00.0Z", " 2025-01-31T12:00:00.000Z",
        "2025-01-31T12:00:00.000Zx", "2025- 1-31T12:00:00.000Z"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_time(text).has_value());
  }
}
