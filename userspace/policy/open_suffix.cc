#include "policy/open_suffix.h"

#include "policy/compile.h"

namespace enforcer::policy {
namespace {

/// Rules that may let something through, in the order of the matches.
template <class Visit>
void for_positive(const CompiledPolicy& policy, const MatchList& matches, Visit visit) {
  for (const auto run : matches.runs) {
    for (const TargetEntry& entry : run) {
      const Rule& rule = *policy.rules[entry.rule].rule;
      const bool positive = rule.list == RuleList::kAllow || rule.list == RuleList::kReview;
      if (positive && !entry.except && !rule.info.guardrail) visit(rule);
    }
  }
}

}  // namespace

std::optional<std::string> open_suffix(const GuestPolicy& policy, const HostName& host) {
  const CompiledPolicy& compiled = policy.compiled();
  MatchList exact;
  compiled.hosts.find_exact(host, exact);
  bool spelt_out = false;
  for_positive(compiled, exact, [&](const Rule&) { spelt_out = true; });
  if (spelt_out) return std::nullopt;

  MatchList wild;
  compiled.hosts.find_wildcards(host, wild);
  std::optional<std::string> shortest;
  for_positive(compiled, wild, [&](const Rule& rule) {
    for (const Target& target : rule.to) {
      const HostPattern* pattern = target.host();
      if (pattern == nullptr || pattern->exact() || !pattern->matches(host)) continue;
      std::string suffix = pattern->suffix();
      if (!shortest || suffix.size() < shortest->size()) shortest = std::move(suffix);
    }
  });
  return shortest;
}

}  // namespace enforcer::policy
