#include "net/rate_limit.h"

#include <doctest/doctest.h>

using enforcer::Monotonic;
using enforcer::net::RateLimit;
using namespace std::chrono_literals;

TEST_CASE("a_burst_passes_and_then_the_rate_holds") {
  RateLimit limit(10, 1s);
  const auto start = Monotonic::now();
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += limit.take(start);
  CHECK(taken == 10);
  for (int i = 0; i < 100; ++i) taken += limit.take(start + 500ms);
  CHECK(taken == 15);
  for (int i = 0; i < 100; ++i) taken += limit.take(start + 10s);
  CHECK(taken == 25);
}
