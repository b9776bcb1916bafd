#include "metrics/denied_totals.h"

namespace enforcer::metrics {

DeniedTotals::DeniedTotals(std::size_t series_per_guest) : series_per_guest_(series_per_guest) {
  rules_ = {RuleNames{}, RuleNames{.policy = "", .rule = "other"}};
  by_names_[std::string(1, '\0')] = kNoRule;
}

std::uint32_t DeniedTotals::intern(const std::string& policy, const std::string& rule) {
  const auto [entry, is_new] = by_names_.try_emplace(policy + '\0' + rule, static_cast<std::uint32_t>(rules_.size()));
  if (!is_new) return entry->second;
  if (rules_.size() >= kMaxRules) {
    by_names_.erase(entry);
    return kOtherRule;
  }
  rules_.push_back({.policy = policy, .rule = rule});
  return entry->second;
}

void DeniedTotals::set_deny_rules(std::span<const policy::RuleInfo* const> rules) {
  deny_rules_.clear();
  for (const policy::RuleInfo* rule : rules) deny_rules_.push_back(intern(rule->policy, rule->rule));
}

std::vector<DeniedTotals::Series> DeniedTotals::merge(std::span<const WorkerCounts> workers,
                                                      std::span<const GuestSeries> counted,
                                                      std::span<const GuestSeries> attached) {
  const std::unordered_set<GuestSeries> known(counted.begin(), counted.end());
  Totals totals;
  for (const WorkerCounts& worker : workers) {
    std::vector<std::uint32_t> rules;
    for (std::size_t i = 0; i < worker.rules.size(); ++i) {
      rules.push_back(i == kOtherRule ? kOtherRule : intern(worker.rules[i].policy, worker.rules[i].rule));
    }
    for (const WorkerCounts::Denied& cell : worker.denied) {
      if (!known.contains(cell.guest)) continue;
      SeriesKey key = series_key(cell.guest, rules[cell.rule], cell.reason);
      if (rules[cell.rule] != kOtherRule && !admitted_.contains(key)) {
        std::size_t& count = admitted_count_[cell.guest];
        if (count < series_per_guest_) {
          ++count;
          admitted_.insert(key);
        } else {
          key = series_key(cell.guest, kOtherRule, cell.reason);
        }
      }
      totals[key] += cell.count;
    }
  }
  for (const GuestSeries guest : attached) add_zeros(totals, guest);

  std::vector<Series> series;
  series.reserve(totals.size());
  for (const auto& [key, count] : totals) {
    series.push_back({guest_of(key), &rules_[rule_of(key)], reason_of(key), count});
  }
  return series;
}

void DeniedTotals::add_zeros(Totals& totals, GuestSeries guest) {
  const auto admitted = admitted_count_.find(guest);
  std::size_t room = series_per_guest_ - (admitted == admitted_count_.end() ? 0 : admitted->second);
  const auto add = [&](std::uint32_t rule, policy::Reason reason) {
    if (room > 0 && totals.try_emplace(series_key(guest, rule, reason), 0).second) --room;
  };
  add(kNoRule, policy::Reason::kNoRule);
  for (const std::uint32_t rule : deny_rules_) add(rule, policy::Reason::kRule);
}

void DeniedTotals::forget(std::span<const GuestSeries> gone) {
  if (gone.empty()) return;
  for (const GuestSeries guest : gone) admitted_count_.erase(guest);
  std::erase_if(admitted_, [&](SeriesKey key) { return !admitted_count_.contains(guest_of(key)); });
}

}  // namespace enforcer::metrics
