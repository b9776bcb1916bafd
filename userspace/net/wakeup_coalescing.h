// WakeupCoalescing: whether a worker sleeps for a moment before it polls again, so that events collect, as network
// adapters coalesce interrupts.
//
// A worker that has little to do at a time pays for it each time: it falls asleep and is woken, and so is whoever it
// answers. A pause makes of many small turns a few larger ones. Whether that pays depends on who waits for whom: where
// many peers are slower than the worker more gets done, where few wait for its answers all stand still meanwhile
// (figures: tests/bench/README.md, "What stayed"). So it is tried, once a load has lasted: for a window without pauses,
// one with them and another without. What got clearly more done than the mean of both others stays, so that a load that
// grows by itself does not count, and is tried again later.
//
// Belongs to one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/deadline.h"

namespace enforcer::net {

class WakeupCoalescing {
 public:
  /// One pause. The kernel's timer slack comes on top (50 µs as a rule: prctl(2), PR_SET_TIMERSLACK), and an answer
  /// that takes several turns may meet several pauses.
  static constexpr std::chrono::microseconds kPause{50};
  /// With fewer in a turn nobody pauses: who is alone has one or two, and waits for each answer.
  static constexpr std::size_t kFewestEvents = 4;

  /// Nothing is left to do: sleep for kPause and poll again? Else wait until something comes. `events`: that the poller
  /// reported since it was asked the last time. `work_done`: a count that only grows; where it begins does not matter.
  [[nodiscard]] bool should_pause(std::size_t events, std::uint64_t work_done, Monotonic::time_point now);

 private:
  enum class Window : std::uint8_t { kNone, kBefore, kWith, kAfter };
  void begin(Window window, std::uint64_t work_done, Monotonic::time_point now);

  Monotonic::time_point last_busy_{};   ///< a turn of several events ended
  bool paid_ = false;                   ///< what was found last,
  Monotonic::time_point next_trial_{};  ///< and stands until then
  Window window_ = Window::kNone;
  Monotonic::time_point began_{};  ///< the window
  std::uint64_t done_before_ = 0;  ///< it began
  double rate_before_ = 0;         ///< work a second, in the window before
  double rate_with_ = 0;
};

}  // namespace enforcer::net
