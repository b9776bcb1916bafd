// Deadline: a point on the monotonic clock by which something must have happened. Every wait has one; the wall clock is
// for display only (a clock set by a year must not extend anything).
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>

namespace enforcer {

using Monotonic = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

class Deadline {
 public:
  static Deadline after(std::chrono::nanoseconds duration) { return Deadline(Monotonic::now() + duration); }

  /// The same by the clock of the last timer interrupt (CLOCK_MONOTONIC_COARSE, clock_gettime(2), which counts from
  /// where Monotonic does): a tick early, 10 ms at most, and a fifth of the price. For deadlines that move with every
  /// step.
  static Deadline roughly_after(std::chrono::nanoseconds duration) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const auto since_boot = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
    return Deadline(Monotonic::time_point(since_boot) + duration);
  }

  [[nodiscard]] Monotonic::time_point when() const { return when_; }
  [[nodiscard]] bool passed() const { return Monotonic::now() >= when_; }
  [[nodiscard]] std::chrono::nanoseconds remaining() const {
    return std::max(std::chrono::nanoseconds::zero(), when_ - Monotonic::now());
  }

 private:
  explicit Deadline(Monotonic::time_point when) : when_(when) {}
  Monotonic::time_point when_;
};

}  // namespace enforcer
