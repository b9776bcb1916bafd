#include "metrics/datapath_totals.h"

namespace enforcer::metrics {

void DatapathTotals::add(Drops& sum, const __u64 (&drops)[ENFORCER_DROP_REASON_COUNT]) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += drops[i];
}

void DatapathTotals::leave(Slot slot, GuestSeries series) {
  const auto found = live_.find(slot);
  if (found == live_.end()) return;
  add(kept_[series], found->second.drops);
  for (std::size_t i = 0; i < gone_verdicts_.size(); ++i) gone_verdicts_[i] += found->second.verdicts[i];
  live_.erase(found);
}

void DatapathTotals::forget(std::span<const GuestSeries> gone) {
  for (const GuestSeries series : gone) kept_.erase(series);
}

DatapathTotals::Verdicts DatapathTotals::verdicts() const {
  Verdicts sums = gone_verdicts_;
  for (const auto& [slot, counters] : live_) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += counters.verdicts[i];
  }
  return sums;
}

DatapathTotals::Drops DatapathTotals::nobody() const {
  Drops drops{};
  if (const auto found = live_.find(Slot{0}); found != live_.end()) add(drops, found->second.drops);
  return drops;
}

}  // namespace enforcer::metrics
