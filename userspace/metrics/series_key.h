// SeriesKey: which series of denied_total, in one word: guest, rule index, reason.
#pragma once

#include <cstdint>

#include "metrics/worker_metrics.h"

namespace enforcer::metrics {

inline constexpr std::uint32_t kMaxRules = 65'536;  ///< different rule names in one run; the index fits 24 bits

using SeriesKey = std::uint64_t;

constexpr SeriesKey series_key(GuestSeries guest, std::uint32_t rule, policy::Reason reason) {
  return std::uint64_t{static_cast<std::uint32_t>(guest)} << 32 | std::uint64_t{rule} << 8 |
         static_cast<std::uint8_t>(reason);
}
constexpr GuestSeries guest_of(SeriesKey key) {
  return GuestSeries{static_cast<std::uint32_t>(key >> 32)};
}
constexpr std::uint32_t rule_of(SeriesKey key) {
  return static_cast<std::uint32_t>(key >> 8 & 0xffffff);
}
constexpr policy::Reason reason_of(SeriesKey key) {
  return policy::Reason{static_cast<std::uint8_t>(key & 0xff)};
}

static_assert(policy::kReasonCount <= 256 && kMaxRules < 1 << 24);

}  // namespace enforcer::metrics
