// Events of a time without enforcerd, which alone writes the audit log: at the start of hostd, before enforcerd has
// found it, and while enforcerd is restarted. They are kept until it is back, as many as kMost; it is the first ones
// that say how something began.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/deadline.h"
#include "hostproto/messages.h"

namespace enforcer::hostd {

class KeptEvents {
 public:
  static constexpr std::size_t kMost = 64;

  void keep(hostproto::Event event, Monotonic::time_point now);

  /// All of them in their order, each saying how long ago it was, and at last, if there were more, "events_lost" with
  /// their number. None is left.
  [[nodiscard]] std::vector<hostproto::Event> take(Monotonic::time_point now);

 private:
  std::vector<std::pair<Monotonic::time_point, hostproto::Event>> events_;
  std::size_t lost_ = 0;
};

}  // namespace enforcer::hostd
