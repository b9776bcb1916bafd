// By a clock of the test's own, in turns of one millisecond.
#include "net/wakeup_coalescing.h"

#include <doctest/doctest.h>

using enforcer::Monotonic;
using enforcer::net::WakeupCoalescing;
using namespace std::chrono_literals;

namespace {

/// What gets done in a millisecond.
struct Load {
  std::uint64_t without_pauses;
  std::uint64_t with_pauses;
  std::size_t events = WakeupCoalescing::kFewestEvents;
};

constexpr Load kPays{.without_pauses = 40, .with_pauses = 54};
constexpr Load kCosts{.without_pauses = 40, .with_pauses = 25};

struct Loop {
  /// How many of so many turns were followed by a pause.
  int pauses(const Load& load, int turns) {
    int paused = 0;
    for (int i = 0; i < turns; ++i, now += 1ms) {
      done += pausing ? load.with_pauses : load.without_pauses;
      pausing = coalescing.should_pause(load.events, done, now);
      if (pausing) ++paused;
    }
    return paused;
  }
  WakeupCoalescing coalescing;
  Monotonic::time_point now = Monotonic::time_point() + 1h;
  std::uint64_t done = 1'000'000;
  bool pausing = false;
};

}  // namespace

TEST_CASE("pauses_stay_where_more_gets_done_with_them") {
  Loop loop;
  CHECK(loop.pauses(kPays, 120) == 0);  // a load that is new, and what it does without
  const int paused = loop.pauses(kPays, 10'000);
  CHECK(paused > 9'500);
  CHECK(paused < 9'900);  // it is tried again and again
}

TEST_CASE("pauses_go_where_less_gets_done_with_them_or_little_more") {
  for (const std::uint64_t with : {0, 25, 40, 43}) {
    CAPTURE(with);
    Loop loop;
    const int paused = loop.pauses({.without_pauses = 40, .with_pauses = with}, 10'000);
    CHECK(paused >= 20);
    CHECK(paused <= 200);  // what trying takes
  }
}

TEST_CASE("a_load_that_grows_by_itself_does_not_speak_for_pauses") {
  Loop loop;
  int paused = 0;
  for (std::uint64_t rate = 40; rate < 4'000; rate += rate / 5) {  // by a fifth in each window
    paused += loop.pauses({.without_pauses = rate, .with_pauses = rate}, 10);
  }
  CHECK(paused > 0);
  CHECK(paused <= 20);  // the window of trying
}

TEST_CASE("another_load_is_judged_anew") {
  Loop loop;
  CHECK(loop.pauses(kPays, 2'000) > 1'700);
  loop.pauses(kCosts, 1'100);  // what held before, and trying
  CHECK(loop.pauses(kCosts, 2'000) < 50);
  loop.pauses(kPays, 1'100);
  CHECK(loop.pauses(kPays, 2'000) > 1'800);
}

TEST_CASE("what_held_ends_with_its_load") {
  Loop loop;
  REQUIRE(loop.pauses(kPays, 200) > 0);
  REQUIRE(loop.pausing);
  loop.now += 20ms;
  CHECK(loop.pauses(kPays, 100) == 0);
  CHECK(loop.pauses(kPays, 500) > 400);
}

TEST_CASE("a_burst_is_over_before_anything_is_tried") {
  Loop loop;
  for (int bursts = 0; bursts < 100; ++bursts, loop.now += 50ms) CHECK(loop.pauses(kPays, 90) == 0);
}

TEST_CASE("of_little_nobody_can_tell_what_is_more") {
  Loop loop;
  CHECK(loop.pauses({.without_pauses = 9, .with_pauses = 1'000}, 10'000) == 0);
  CHECK(loop.pauses({.without_pauses = 11, .with_pauses = 1'000}, 10'000) > 9'000);
}

TEST_CASE("few_events_are_never_followed_by_a_pause") {
  for (std::size_t events = 0; events < WakeupCoalescing::kFewestEvents; ++events) {
    CAPTURE(events);
    Loop loop;
    CHECK(loop.pauses({.without_pauses = 40, .with_pauses = 54, .events = events}, 10'000) == 0);
  }
}

TEST_CASE("a_worker_that_is_never_done_does_not_pause") {
  Loop loop;
  REQUIRE(loop.pauses(kPays, 200) > 0);
  for (int turn = 0; turn < 1'000; ++turn) {
    loop.now += 11ms;
    loop.done += 440;
    CHECK_FALSE(loop.coalescing.should_pause(128, loop.done, loop.now));
  }
}
