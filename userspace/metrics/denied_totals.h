// DeniedTotals: what all workers together counted for denied_total, under a cap of series per guest.
//
// A series is admitted when it is first counted and its guest has room, and then stays: what was once counted as
// rule="other" stays there too, so no series ever falls.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "metrics/series_key.h"
#include "metrics/worker_metrics.h"

namespace enforcer::metrics {

class DeniedTotals {
 public:
  struct Series {
    GuestSeries guest;
    const RuleNames* rule;  ///< lives until the next call
    policy::Reason reason;
    std::uint64_t count;
  };

  explicit DeniedTotals(std::size_t series_per_guest);

  void set_deny_rules(std::span<const policy::RuleInfo* const> rules);

  /// One entry per series of the guests in `counted`. Those in `attached` also have every deny rule, and "no rule names
  /// this host", from the start, as far as the cap goes.
  [[nodiscard]] std::vector<Series> merge(std::span<const WorkerCounts> workers, std::span<const GuestSeries> counted,
                                          std::span<const GuestSeries> attached);

  void forget(std::span<const GuestSeries> gone);

 private:
  using Totals = std::unordered_map<SeriesKey, std::uint64_t>;

  std::uint32_t intern(const std::string& policy, const std::string& rule);
  void add_zeros(Totals& totals, GuestSeries guest);

  const std::size_t series_per_guest_;
  std::vector<RuleNames> rules_;
  std::unordered_map<std::string, std::uint32_t> by_names_;
  std::vector<std::uint32_t> deny_rules_;
  std::unordered_set<SeriesKey> admitted_;
  std::unordered_map<GuestSeries, std::size_t> admitted_count_;
};

}  // namespace enforcer::metrics
