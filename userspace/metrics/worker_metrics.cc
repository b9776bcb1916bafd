#include "metrics/worker_metrics.h"

#include "metrics/series_key.h"

namespace enforcer::metrics {
namespace {

bool is_named(const RuleNames& names, const policy::RuleInfo& rule) {
  return names.rule == rule.rule && names.policy == rule.policy && names.action == rule.action;
}

}  // namespace

WorkerMetrics::WorkerMetrics(std::size_t series_per_guest) : series_per_guest_(series_per_guest) {
  counts_.rules = {RuleNames{}, RuleNames{.policy = "", .rule = "other"}};
  counts_.rule_hits.resize(counts_.rules.size());
}

void WorkerMetrics::decision(GuestSeries guest, policy::Layer layer, const policy::Decision& decision) {
  ++counts_.decisions[index(layer)][index(decision.action)][index(decision.reason)];
  const std::uint32_t rule = intern(decision.rule);
  if (rule != kNoRule) ++counts_.rule_hits[rule];
  if (decision.action == policy::Action::kDeny) ++denied_cell(guest, rule, decision.reason);
}

void WorkerMetrics::denied(GuestSeries guest, const policy::RuleInfo* rule, policy::Reason reason,
                           std::uint64_t count) {
  denied_cell(guest, intern(rule), reason) += count;
}

void WorkerMetrics::credential_injected(std::string_view credential, InjectionResult result) {
  ++counts_of(credential).injections[index(result)];
}

void WorkerMetrics::secret_leak_blocked(std::string_view credential) {
  ++counts_of(credential).leaks_blocked;
}

void WorkerMetrics::placeholder_strayed(std::string_view credential) {
  ++counts_of(credential).placeholders_strayed;
}

CredentialCounts& WorkerMetrics::counts_of(std::string_view credential) {
  const auto found = counts_.credentials.find(credential);
  if (found != counts_.credentials.end()) return found->second;
  // Credentials that reloads removed stay: what comes back goes on counting.
  if (counts_.credentials.size() >= kMaxCredentials) credential = kOtherCredential;
  return counts_.credentials[std::string(credential)];
}

std::uint32_t WorkerMetrics::intern(const policy::RuleInfo* rule) {
  if (rule == nullptr) return kNoRule;
  const auto guess = by_address_.find(rule);
  // A reload may have put another rule at the same address.
  if (guess != by_address_.end() && is_named(counts_.rules[guess->second], *rule)) return guess->second;

  std::string names = rule->policy;
  names += '\0';
  names += rule->rule;
  names += '\0';
  names += label(rule->action);
  auto found = by_names_.find(names);
  if (found == by_names_.end()) {
    if (counts_.rules.size() >= kMaxRules) return kOtherRule;
    found = by_names_.emplace(std::move(names), static_cast<std::uint32_t>(counts_.rules.size())).first;
    counts_.rules.push_back({rule->policy, rule->rule, rule->action});
    counts_.rule_hits.push_back(0);
  }
  if (by_address_.size() >= 2 * kMaxRules) by_address_.clear();  // addresses of reloads long gone
  by_address_[rule] = found->second;
  return found->second;
}

std::uint64_t& WorkerMetrics::denied_cell(GuestSeries guest, std::uint32_t rule, policy::Reason reason) {
  const auto found = denied_index_.find(series_key(guest, rule, reason));
  if (found != denied_index_.end()) return counts_.denied[found->second].count;
  // The overflow itself has a cell for each reason: a closed list.
  std::uint32_t& cells = series_[guest];
  if (rule != kOtherRule) {
    if (cells >= series_per_guest_) return denied_cell(guest, kOtherRule, reason);
    ++cells;
  }
  denied_index_[series_key(guest, rule, reason)] = static_cast<std::uint32_t>(counts_.denied.size());
  return counts_.denied.emplace_back(guest, rule, reason, 0).count;
}

void WorkerMetrics::forget(std::span<const GuestSeries> gone) {
  bool any = false;
  for (const GuestSeries guest : gone) any = series_.erase(guest) > 0 || any;
  if (!any) return;
  std::erase_if(counts_.denied, [&](const WorkerCounts::Denied& cell) { return !series_.contains(cell.guest); });
  denied_index_.clear();
  for (std::uint32_t i = 0; i < counts_.denied.size(); ++i) {
    const WorkerCounts::Denied& cell = counts_.denied[i];
    denied_index_[series_key(cell.guest, cell.rule, cell.reason)] = i;
  }
}

}  // namespace enforcer::metrics
