#include "host/tsc.h"

#include <doctest/doctest.h>

namespace enforcer::host {
namespace {

TEST_CASE("tsc_frequency_is_plausible_and_measured_once") {
  const auto khz = host_tsc_khz();
  REQUIRE(khz);
  CHECK(*khz > 100'000);
  CHECK(*khz < 10'000'000);
  CHECK(*host_tsc_khz() == *khz);
}

}  // namespace
}  // namespace enforcer::host
