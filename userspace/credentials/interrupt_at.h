// InterruptAt: ends the waits of something when a deadline has passed, to the tick of the wheel.
#pragma once

#include "base/deadline.h"
#include "net/timer_wheel.h"

namespace enforcer::credentials {

template <class Waiting>
class InterruptAt final : private net::WheelEntry {
 public:
  /// `waiting` outlives it.
  InterruptAt(net::TimerWheel& wheel, Deadline deadline, Waiting& waiting) : waiting_(waiting) {
    wheel.schedule(*this, deadline);
  }

 private:
  void expired() override { waiting_.interrupt(Errc::kTimeout); }
  Waiting& waiting_;
};

}  // namespace enforcer::credentials
