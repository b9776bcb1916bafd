#include "base/deadline.h"

#include <doctest/doctest.h>

using enforcer::Deadline;
using enforcer::Monotonic;
using namespace std::chrono_literals;

TEST_CASE("a_rough_deadline_is_a_little_early_and_never_late") {
  const auto begun = Monotonic::now();
  const auto rough = Deadline::roughly_after(1h).when();
  CHECK(rough <= Deadline::after(1h).when());
  CHECK(rough > begun + 1h - 10s);  // a tick is 10 ms at most, but that of a busy machine may be late
}
