#include "enforcerd/one_command.h"

#include <doctest/doctest.h>

namespace enforcer::enforcerd {

TEST_CASE("a_guest_of_one_command_is_over_behind_it_and_not_before") {
  OneCommand guest;
  const auto now = Monotonic::now();
  CHECK_FALSE(guest.is_over(0, 0, now));
  CHECK_FALSE(guest.is_over(1, 1, now));
  CHECK_FALSE(guest.is_over(1, 1, now + std::chrono::hours(100)));
  CHECK_FALSE(guest.is_over(2, 1, now));  // somebody else is still in it
  CHECK(guest.is_over(2, 0, now));
}

TEST_CASE("a_guest_that_its_command_never_came_to_is_over_after_two_minutes") {
  OneCommand guest;
  const auto now = Monotonic::now();
  CHECK_FALSE(guest.is_over(0, 0, now));
  CHECK_FALSE(guest.is_over(0, 0, now + OneCommand::kPatience - std::chrono::milliseconds(1)));
  CHECK(guest.is_over(0, 0, now + OneCommand::kPatience));
  CHECK_FALSE(guest.is_over(0, 1, now + OneCommand::kPatience));  // it is about to begin
  CHECK_FALSE(guest.is_over(1, 1, now + OneCommand::kPatience));  // it came at last
}

TEST_CASE("a_guest_that_could_not_be_ended_is_over_again_ten_seconds_later") {
  OneCommand guest;
  auto now = Monotonic::now();
  for (std::size_t failures = 1; failures <= 2; ++failures) {
    CHECK(guest.is_over(1, 0, now));
    CHECK(guest.end_failed(now) == failures);
    CHECK_FALSE(guest.is_over(1, 0, now));
    CHECK_FALSE(guest.is_over(1, 0, now + OneCommand::kRetry - std::chrono::milliseconds(1)));
    now += OneCommand::kRetry;
  }
  CHECK(guest.is_over(1, 0, now));
  CHECK_FALSE(guest.is_over(2, 1, now));  // the control: somebody is in it again
}

TEST_CASE("a_command_too_short_to_be_seen_running_counts") {
  OneCommand guest;
  CHECK(guest.is_over(1, 0, Monotonic::now()));
}

}  // namespace enforcer::enforcerd
