// ByteBudget: so many bytes an hour, for any number of threads, without a lock. Bytes are counted after they were
// moved, so what is left is asked before the next piece, and a piece is at most a buffer too much.
//
// The algorithm of rate_limit.h with events of different size: one number says when everything moved so far would have
// been moved at exactly the allowed rate.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/deadline.h"

namespace enforcer::net {

class ByteBudget {
 public:
  /// None: unlimited. A limit may be moved at once; then it comes back evenly over the hour.
  explicit ByteBudget(std::optional<std::uint64_t> per_hour) { change(per_hour); }

  /// From now on another limit; what was moved stays moved.
  void change(std::optional<std::uint64_t> per_hour) {
    cost_.store(per_hour ? kHour / static_cast<double>(std::max<std::uint64_t>(*per_hour, 1)) : 0,
                std::memory_order_relaxed);
  }

  [[nodiscard]] bool left(Monotonic::time_point now) const {
    return static_cast<double>(due_.load(std::memory_order_relaxed) - now.time_since_epoch().count()) < kHour;
  }

  /// True: there is something left.
  bool spend(std::uint64_t bytes, Monotonic::time_point now) {
    const double cost = static_cast<double>(bytes) * cost_.load(std::memory_order_relaxed);
    if (cost == 0) return true;
    const std::int64_t at = now.time_since_epoch().count();
    std::int64_t due = due_.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
      // Never more than two hours ahead: who sent a hundred times too much is let in again the same day.
      next = std::min(std::max(due, at) + static_cast<std::int64_t>(std::min(cost, 2 * kHour)),
                      at + static_cast<std::int64_t>(2 * kHour));
    } while (!due_.compare_exchange_weak(due, next, std::memory_order_relaxed));
    return static_cast<double>(next - at) < kHour;
  }

 private:
  static constexpr double kHour = 3600e9;  // nanoseconds

  std::atomic<double> cost_ = 0;  // nanoseconds a byte
  std::atomic<std::int64_t> due_ = 0;
};

}  // namespace enforcer::net
