// InterruptAt: ends the waits of something when a deadline has passed, to the tick of the wheel; and is how whoever has
// begun it finds it, to end it before that.
#pragma once

#include <set>

#include "base/deadline.h"
#include "base/result.h"
#include "net/timer_wheel.h"

namespace enforcer::credentials {

template <class Waiting>
class InterruptAt final : private net::WheelEntry {
 public:
  using All = std::set<InterruptAt*>;

  /// `waiting` and `all` outlive it.
  InterruptAt(net::TimerWheel& wheel, Deadline deadline, Waiting& waiting, All& all) : waiting_(waiting), all_(all) {
    wheel.schedule(*this, deadline);
    all_.insert(this);
  }
  ~InterruptAt() override { all_.erase(this); }

  void interrupt(Errc why) { waiting_.interrupt(why); }

 private:
  void expired() override { interrupt(Errc::kTimeout); }
  Waiting& waiting_;
  All& all_;
};

}  // namespace enforcer::credentials
