#include "hostd/kept_events.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <string>

namespace enforcer::hostd {
namespace {

using namespace std::chrono_literals;

hostproto::Event numbered(std::size_t number) {
  return {.name = "guard_restored", .slot = Slot{7}, .detail = fmt::format("event {}", number)};
}

TEST_CASE("events_without_enforcerd_are_told_later_once_and_in_their_order") {
  const Monotonic::time_point start{};
  KeptEvents kept;
  CHECK(kept.take(start).empty());
  kept.keep(numbered(1), start);
  kept.keep(numbered(2), start + 5s);
  const auto events = kept.take(start + 12500ms);
  REQUIRE(events.size() == 2);
  CHECK(events[0].detail == "12 s ago, without enforcerd: event 1");
  CHECK(events[1].detail == "7 s ago, without enforcerd: event 2");
  CHECK((events[0].name == "guard_restored" && events[0].slot == Slot{7}));
  CHECK(kept.take(start + 20s).empty());
}

TEST_CASE("of_too_many_events_the_first_are_kept_and_the_others_counted") {
  const Monotonic::time_point start{};
  KeptEvents kept;
  for (std::size_t i = 0; i < KeptEvents::kMost; ++i) kept.keep(numbered(i), start);
  CHECK(kept.take(start).size() == KeptEvents::kMost);
  for (std::size_t i = 0; i < KeptEvents::kMost + 3; ++i) kept.keep(numbered(i), start);
  const auto events = kept.take(start);
  REQUIRE(events.size() == KeptEvents::kMost + 1);
  CHECK(events.front().detail.ends_with(": event 0"));
  CHECK(events[KeptEvents::kMost - 1].detail.ends_with(fmt::format(": event {}", KeptEvents::kMost - 1)));
  CHECK((events.back().name == "events_lost" && events.back().slot == Slot{0}));
  CHECK(events.back().detail.starts_with("3 more events"));
  kept.keep(numbered(1), start);
  CHECK(kept.take(start).size() == 1);
}

}  // namespace
}  // namespace enforcer::hostd
