// Waiting for what another thread or process does.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>

#include "base/deadline.h"

namespace enforcer {

/// Did it come true within 20 seconds? As soon as it does.
inline bool eventually(const std::function<bool()>& condition) {
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (!deadline.passed()) {
    if (condition()) return true;
    poll(nullptr, 0, 5);
  }
  return condition();
}

}  // namespace enforcer
