// RateLimit: a rate with a burst, for any number of threads, without a lock.
//
// The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): one number says when the next event would be due
// if events came at exactly the allowed rate; an event is refused when that lies more than a burst ahead of now.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/deadline.h"

namespace enforcer::net {

class RateLimit {
 public:
  /// `events` >= 1 in each `per`; up to `events` may come at once.
  RateLimit(std::uint32_t events, std::chrono::nanoseconds per) { change(events, per); }

  /// From now on another rate; what was taken stays taken.
  void change(std::uint32_t events, std::chrono::nanoseconds per) {
    interval_.store(per.count() / events, std::memory_order_relaxed);
    burst_.store(per.count(), std::memory_order_relaxed);
  }

  /// Takes one event if the rate allows it.
  bool take(Monotonic::time_point now) {
    const std::int64_t at = now.time_since_epoch().count();
    std::int64_t due = due_.load(std::memory_order_relaxed);
    while (true) {
      const std::int64_t next = std::max(due, at) + interval_.load(std::memory_order_relaxed);
      if (next - at > burst_.load(std::memory_order_relaxed)) return false;
      if (due_.compare_exchange_weak(due, next, std::memory_order_relaxed)) return true;
    }
  }

 private:
  std::atomic<std::int64_t> interval_;
  std::atomic<std::int64_t> burst_;
  std::atomic<std::int64_t> due_ = 0;
};

}  // namespace enforcer::net
