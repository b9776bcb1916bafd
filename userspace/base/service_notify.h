// ServiceNotify: tells the service manager how we are, as sd_notify(3) does, without its library: one datagram for each
// message to the unix socket that $NOTIFY_SOCKET names. Started by anything else than a service manager, it says
// nothing to nobody.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer {

class ServiceNotify {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. kInvalid: the name cannot be a unix socket's. Opens the
  /// socket now, so that no later confinement is in the way.
  static Result<ServiceNotify> from_environment();

  void ready() const { send("READY=1"); }
  /// A reload began; ready() ends it.
  void reloading() const;
  void stopping() const { send("STOPPING=1"); }
  /// Still going round; to be said about once a second, from the loop whose standstill should be the end of us. Never
  /// waits: a manager that does not read must not slow that loop down.
  void alive() const;

  /// Whether a service manager started us.
  [[nodiscard]] bool managed() const { return socket_.valid(); }
  /// Whether anybody waits for alive().
  [[nodiscard]] bool watched() const { return watched_; }

 private:
  void send(std::string_view message) const;

  Fd socket_;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  bool watched_ = false;
};

}  // namespace enforcer
