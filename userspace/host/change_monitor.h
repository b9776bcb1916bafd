// ChangeMonitor: whether anything about links, addresses, neighbours, routes or rules of one network namespace has
// changed since it was last asked. The kernel tells (rtnetlink(7), multicast groups), so that looking after a thousand
// wires that nobody touches costs one system call.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

class ChangeMonitor {
 public:
  static Result<ChangeMonitor> open();  ///< for the calling thread's namespace

  /// True once after any number of changes, our own among them, and when notices were lost.
  [[nodiscard]] bool changed();

 private:
  explicit ChangeMonitor(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

}  // namespace enforcer::host
