// FreeMemory: gives memory that nobody has used for a while back to the kernel.
//
// Sessions come and go by the thousand a second, so what one leaves is kept for the next. jemalloc does that, and keeps
// sizes apart: the little that stays of an idle connection does not hold whole pages of what its handshake needed. But
// it looks at what has grown old only when somebody allocates, which after a burst nobody may do: this does it by the
// clock. In builds with sanitizers, which bring their own allocator, it does nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>

namespace enforcer::enforcerd {

class FreeMemory {
 public:
  /// Belongs to the thread of `io`.
  explicit FreeMemory(boost::asio::io_context& io);

 private:
  void wait();

  boost::asio::steady_timer timer_;
};

}  // namespace enforcer::enforcerd
