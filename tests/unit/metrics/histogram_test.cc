#include "metrics/histogram.h"

#include <doctest/doctest.h>

namespace enforcer::metrics {
namespace {

using namespace std::chrono_literals;

TEST_CASE("bounds_are_inclusive_and_what_is_longer_goes_to_the_last_bucket") {
  DurationHistogram histogram;
  histogram.observe(0ns);
  histogram.observe(50us);
  histogram.observe(50us + 1ns);
  histogram.observe(1s);
  histogram.observe(1h);
  CHECK(histogram.counts()[0] == 2);
  CHECK(histogram.counts()[1] == 1);
  CHECK(histogram.counts()[13] == 1);
  CHECK(histogram.counts()[14] == 1);
  CHECK(histogram.sum() == 1h + 1s + 100us + 1ns);
}

TEST_CASE("waits_of_people_go_up_to_an_hour") {
  WaitHistogram histogram;
  histogram.observe(1s);
  histogram.observe(1s + 1ns);
  histogram.observe(1h);
  histogram.observe(1h + 1ns);
  CHECK(histogram.counts()[0] == 1);
  CHECK(histogram.counts()[1] == 1);
  CHECK(histogram.counts()[9] == 1);
  CHECK(histogram.counts()[10] == 1);
}

TEST_CASE("merging_adds_buckets_and_sums") {
  DurationHistogram a;
  DurationHistogram b;
  a.observe(1ms);
  b.observe(1ms);
  b.observe(2s);
  a.merge(b);
  CHECK(a.counts()[4] == 2);
  CHECK(a.counts()[14] == 1);
  CHECK(a.sum() == 2s + 2ms);
}

}  // namespace
}  // namespace enforcer::metrics
