// TimerWheel: deadlines for many sessions at the price of two pointers each.
//
// A hashed wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6): a ring of buckets, one
// for each tick; an entry whose deadline lies more than one turn ahead stays in its bucket and is passed over until its
// tick has come. Setting, moving and clearing a deadline are O(1) and make no system call. Precision is one tick (100
// ms): these are guards against clients and origins that do not move, not clocks.
//
// Belongs to one worker; not thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/deadline.h"

namespace enforcer::net {

class TimerWheel;

/// Something with a deadline. Leaves its wheel when destroyed.
class WheelEntry {
 public:
  WheelEntry() = default;
  WheelEntry(const WheelEntry&) = delete;
  WheelEntry& operator=(const WheelEntry&) = delete;
  virtual ~WheelEntry() { cancel(); }

  /// Forgets the deadline.
  void cancel();
  [[nodiscard]] bool scheduled() const { return next_ != nullptr; }

 protected:
  /// The deadline passed. The entry has left the wheel; it may schedule itself again or destroy itself.
  virtual void expired() = 0;

 private:
  friend class TimerWheel;
  WheelEntry* next_ = nullptr;
  WheelEntry* previous_ = nullptr;
  std::uint64_t due_tick_ = 0;
};

class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds kTick{100};

  TimerWheel();
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Sets or moves the deadline of an entry.
  void schedule(WheelEntry& entry, Deadline deadline);
  /// Expires everything due by `now`. Called by the worker every kTick, and safe to call late.
  void advance(Monotonic::time_point now);

 private:
  static constexpr std::size_t kBuckets = 1024;  // one turn is 102 s: all deadlines but "idle" fit into it

  struct Bucket final : WheelEntry {
    void expired() override {}
  };

  [[nodiscard]] std::uint64_t tick_of(Monotonic::time_point when) const;
  void expire_bucket(std::uint64_t tick);

  Monotonic::time_point start_ = Monotonic::now();
  std::uint64_t current_tick_ = 0;
  std::array<Bucket, kBuckets> buckets_;
};

}  // namespace enforcer::net
