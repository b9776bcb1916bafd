// Deadline: a point on the monotonic clock by which something must have happened. Every wait has one; the wall clock is
// for display only (a clock set by a year must not extend anything).
#pragma once

#include <algorithm>
#include <chrono>

namespace enforcer {

using Monotonic = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

class Deadline {
 public:
  static Deadline after(std::chrono::nanoseconds duration) { return Deadline(Monotonic::now() + duration); }

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
