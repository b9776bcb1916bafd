#include "net/timer_wheel.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <vector>

using enforcer::Deadline;
using enforcer::Monotonic;
using enforcer::net::TimerWheel;
using enforcer::net::WheelEntry;
using namespace std::chrono_literals;

namespace {

class Alarm final : public WheelEntry {
 public:
  explicit Alarm(std::function<void()> ring) : ring_(std::move(ring)) {}

 private:
  void expired() override { ring_(); }
  std::function<void()> ring_;
};

}  // namespace

TEST_CASE("a_deadline_fires_after_its_time_and_never_before") {
  TimerWheel wheel;
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  const auto start = Monotonic::now();
  wheel.schedule(alarm, Deadline::after(1s));
  wheel.advance(start + 900ms);
  CHECK(fired == 0);
  CHECK(alarm.scheduled());
  wheel.advance(start + 1300ms);
  CHECK(fired == 1);
  CHECK_FALSE(alarm.scheduled());
  wheel.advance(start + 1h);
  CHECK(fired == 1);
}

TEST_CASE("a_deadline_beyond_one_turn_of_the_wheel_waits_for_its_own_turn") {
  TimerWheel wheel;
  int fired = 0;
  Alarm alarm([&] { ++fired; });
  const auto start = Monotonic::now();
  wheel.schedule(alarm, Deadline::after(1h));
  for (auto at = start; at < start + 59min; at += 10s) wheel.advance(at);
  CHECK(fired == 0);
  for (auto at = start + 59min; at < start + 61min; at += 10s) wheel.advance(at);
  CHECK(fired == 1);
}

TEST_CASE("a_cancelled_or_destroyed_deadline_does_not_fire") {
  TimerWheel wheel;
  int fired = 0;
  Alarm cancelled([&] { ++fired; });
  auto destroyed = std::make_unique<Alarm>([&] { ++fired; });
  wheel.schedule(cancelled, Deadline::after(100ms));
  wheel.schedule(*destroyed, Deadline::after(100ms));
  cancelled.cancel();
  destroyed.reset();
  wheel.advance(Monotonic::now() + 10s);
  CHECK(fired == 0);
}

TEST_CASE("an_expiring_entry_may_destroy_its_neighbour_and_schedule_itself_again") {
  TimerWheel wheel;
  int first_fired = 0;
  auto neighbour = std::make_unique<Alarm>([] { FAIL("was destroyed before"); });
  std::unique_ptr<Alarm> first;
  first = std::make_unique<Alarm>([&] {
    neighbour.reset();
    if (++first_fired == 1) wheel.schedule(*first, Deadline::after(0s));
  });
  const auto start = Monotonic::now();
  wheel.schedule(*first, Deadline::after(100ms));
  wheel.schedule(*neighbour, Deadline::after(100ms));
  wheel.advance(start + 400ms);
  wheel.advance(start + 2s);
  CHECK(first_fired == 2);
}

TEST_CASE("every_deadline_fires_after_the_host_was_suspended") {
  TimerWheel wheel;
  int fired = 0;
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (int i = 0; i < 3000; ++i) {
    alarms.push_back(std::make_unique<Alarm>([&] { ++fired; }));
    wheel.schedule(*alarms.back(), Deadline::after(i * 1s));
  }
  wheel.advance(Monotonic::now() + 24h);
  CHECK(fired == 3000);
}
