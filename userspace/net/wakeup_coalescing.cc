#include "net/wakeup_coalescing.h"

#include <numeric>

namespace enforcer::net {
namespace {

constexpr std::chrono::milliseconds kWindow{20};  // some hundred turns, and a moment of something else does not decide
// Between turns of several events. After a longer gap the load is another one; turns that take as long are of a worker
// that is never done, where events collect by themselves.
constexpr std::chrono::milliseconds kLongestGap{10};
constexpr std::chrono::milliseconds kSettles{100};  // a shorter burst is over before anything is tried
constexpr std::chrono::milliseconds kStands{1000};  // so that trying takes a fiftieth of the time
constexpr std::uint64_t kFewestDone = 200;          // in the window before: of less, chance decides
constexpr double kGain = 1.1;                       // a factor: what makes less difference is not worth its latency

}  // namespace

bool WakeupCoalescing::should_pause(std::size_t events, std::uint64_t work_done, Monotonic::time_point now) {
  if (events < kFewestEvents) return false;
  if (now - last_busy_ > kLongestGap) {
    window_ = Window::kNone;
    paid_ = false;
    next_trial_ = now + kSettles;
  }
  last_busy_ = now;
  if (now < next_trial_) return paid_;
  if (window_ == Window::kNone) begin(Window::kBefore, work_done, now);
  if (now - began_ < kWindow) return window_ == Window::kWith;

  const std::uint64_t done = work_done - done_before_;
  const double rate = static_cast<double>(done) / std::chrono::duration<double>(now - began_).count();
  if (window_ == Window::kBefore && done >= kFewestDone) {
    rate_before_ = rate;
    begin(Window::kWith, work_done, now);
    return true;
  }
  if (window_ == Window::kWith) {
    rate_with_ = rate;
    begin(Window::kAfter, work_done, now);
    return false;
  }
  // All three are over, or there is too little to compare.
  paid_ = window_ == Window::kAfter && rate_with_ > kGain * std::midpoint(rate_before_, rate);
  window_ = Window::kNone;
  next_trial_ = now + kStands;
  return paid_;
}

void WakeupCoalescing::begin(Window window, std::uint64_t work_done, Monotonic::time_point now) {
  window_ = window;
  began_ = now;
  done_before_ = work_done;
}

}  // namespace enforcer::net
