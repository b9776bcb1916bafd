#include "hostd/kept_events.h"

#include <fmt/format.h>

#include <chrono>

namespace enforcer::hostd {

void KeptEvents::keep(hostproto::Event event, Monotonic::time_point now) {
  if (events_.size() < kMost) {
    events_.emplace_back(now, std::move(event));
  } else {
    ++lost_;
  }
}

std::vector<hostproto::Event> KeptEvents::take(Monotonic::time_point now) {
  std::vector<hostproto::Event> taken;
  for (auto& [when, event] : std::exchange(events_, {})) {
    const auto ago = std::chrono::floor<std::chrono::seconds>(now - when).count();
    event.detail = fmt::format("{} s ago, without enforcerd: {}", ago, event.detail);
    taken.push_back(std::move(event));
  }
  if (const auto lost = std::exchange(lost_, 0); lost > 0) {
    taken.push_back({.name = "events_lost",
                     .slot = Slot{0},
                     .detail = fmt::format("{} more events without enforcerd: see the log of enforcer-hostd", lost)});
  }
  return taken;
}

}  // namespace enforcer::hostd
