// What held requests came to, as the desk's observer counts it, and what waits at the desk now.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/deadline.h"
#include "metrics/histogram.h"
#include "metrics/labels.h"

namespace enforcer::metrics {

struct ReviewCounts {
  std::uint64_t pending = 0;
  std::optional<WallClock::time_point> oldest{};  ///< when the oldest pending one was asked; none: nothing pends

  std::array<std::uint64_t, kReviewOutcomeCount> outcomes{};
  WaitHistogram wait{};               ///< from the question to the verdict, where there was one
  std::uint64_t notify_failures = 0;  ///< tickets of which `review.notify` was not told, or said that it failed
};

}  // namespace enforcer::metrics
