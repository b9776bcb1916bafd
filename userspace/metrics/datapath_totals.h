// DatapathTotals: packet counts of the kernel datapath, kept beyond the life of a guest.
//
// A guest's entry leaves the kernel's map with the guest; what it held is added to what is kept here, so that neither
// the totals nor the shared series of "run" guests ever fall.
#pragma once

#include <array>
#include <map>
#include <span>
#include <unordered_map>

#include "abi.h"
#include "base/ids.h"
#include "metrics/worker_metrics.h"

namespace enforcer::metrics {

class DatapathTotals {
 public:
  using Drops = std::array<std::uint64_t, ENFORCER_DROP_REASON_COUNT>;
  using Verdicts = std::array<std::uint64_t, ENFORCER_VERDICT_COUNT>;

  /// What the map says now about a slot.
  void update(Slot slot, const enforcer_counters& counters) { live_[slot] = counters; }
  /// The guest left: keep its counts under its series.
  void leave(Slot slot, GuestSeries series);
  void forget(std::span<const GuestSeries> gone);

  [[nodiscard]] Verdicts verdicts() const;
  /// By series; `series_of(Slot)` answers an optional.
  template <class SeriesOf>
  [[nodiscard]] std::map<GuestSeries, Drops> drops(SeriesOf series_of) const {
    std::map<GuestSeries, Drops> sums(kept_.begin(), kept_.end());
    for (const auto& [slot, counters] : live_) {
      if (const auto series = series_of(slot)) add(sums[*series], counters.drops);
    }
    return sums;
  }
  /// Frames that belong to no guest.
  [[nodiscard]] Drops nobody() const;

 private:
  static void add(Drops& sum, const __u64 (&drops)[ENFORCER_DROP_REASON_COUNT]);

  std::unordered_map<Slot, enforcer_counters> live_;
  std::unordered_map<GuestSeries, Drops> kept_;
  Verdicts gone_verdicts_{};
};

}  // namespace enforcer::metrics
