#include "metrics/guest_roster.h"

namespace enforcer::metrics {
namespace {

/// Guests that `run` named by itself come by the thousand, each with a new name: they share one label.
std::string label_of(const GuestName& name) {
  return name.text().starts_with("run-") ? "run" : name.text();
}

}  // namespace

GuestSeries GuestRoster::attach(Slot slot, const GuestName& name) {
  const auto [entry, is_new] = by_label_.try_emplace(label_of(name), GuestSeries{next_});
  const GuestSeries series = entry->second;
  if (is_new) {
    ++next_;
    guests_[series].label = entry->first;
  }
  if (by_slot_.try_emplace(slot, series).second) ++guests_[series].attached;
  return series;
}

void GuestRoster::leave(Slot slot, Monotonic::time_point now) {
  const auto found = by_slot_.find(slot);
  if (found == by_slot_.end()) return;
  Guest& guest = guests_[found->second];
  --guest.attached;
  guest.left = now;
  by_slot_.erase(found);
}

std::vector<GuestSeries> GuestRoster::expire(Monotonic::time_point now, Monotonic::duration retention) {
  std::vector<GuestSeries> expired;
  for (auto it = guests_.begin(); it != guests_.end();) {
    const auto& [series, guest] = *it;
    if (guest.attached > 0 || now < guest.left + retention) {
      ++it;
      continue;
    }
    expired.push_back(series);
    by_label_.erase(guest.label);
    it = guests_.erase(it);
  }
  return expired;
}

std::optional<GuestSeries> GuestRoster::series_of(Slot slot) const {
  const auto found = by_slot_.find(slot);
  if (found == by_slot_.end()) return std::nullopt;
  return found->second;
}

const GuestRoster::Guest* GuestRoster::find(GuestSeries series) const {
  const auto found = guests_.find(series);
  return found == guests_.end() ? nullptr : &found->second;
}

}  // namespace enforcer::metrics
