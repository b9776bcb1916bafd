// GuestRoster: which guests have series, under which label, and for how long after they left.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "metrics/worker_metrics.h"

namespace enforcer::metrics {

class GuestRoster {
 public:
  struct Guest {
    std::string label;
    std::size_t attached = 0;      ///< slots that count under this label now; more than one only for "run"
    Monotonic::time_point left{};  ///< when the last of them left; means something when `attached` is 0
  };

  GuestSeries attach(Slot slot, const GuestName& name);
  void leave(Slot slot, Monotonic::time_point now);
  /// Removes those that left `retention` ago or longer.
  std::vector<GuestSeries> expire(Monotonic::time_point now, Monotonic::duration retention);

  [[nodiscard]] std::optional<GuestSeries> series_of(Slot slot) const;
  /// Null when expired.
  [[nodiscard]] const Guest* find(GuestSeries series) const;
  [[nodiscard]] const std::map<GuestSeries, Guest>& guests() const { return guests_; }

 private:
  std::uint32_t next_ = 1;
  std::map<GuestSeries, Guest> guests_;
  std::unordered_map<std::string, GuestSeries> by_label_;
  std::unordered_map<Slot, GuestSeries> by_slot_;
};

}  // namespace enforcer::metrics
