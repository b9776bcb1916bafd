#include "policy/findings.h"

#include <algorithm>

namespace enforcer::policy {
namespace {

bool positive(const Rule& rule) {
  return rule.list == RuleList::kAllow || rule.list == RuleList::kReview;
}

/// `except` entries among the matches that take this rule out.
bool excepted(const MatchList& matches, std::uint32_t number, const Rule& rule, const Facts& facts) {
  bool out = false;
  matches.for_rule(number, [&](const TargetEntry& entry) {
    if (!entry.except) return;
    if (facts.layer != Layer::kDns) {
      out = out || entry.has_port(facts.port);
    } else {
      // No port is known yet. An allow is gone when every port is excepted; a deny no longer covers the name when any
      // is.
      out = out || entry.every_port() || rule.list == RuleList::kDeny;
    }
  });
  return out;
}

/// The named rule is the one with the credential, else one that opens private space (allows are ORed: a rule that opens
/// less must not hide it), else the lexically first.
int rank(const Rule& rule) {
  if (!rule.credential.empty()) return 0;
  return rule.info.private_destination ? 1 : 2;
}

void take_allow(Findings& findings, std::uint32_t number, const Rule& rule) {
  if (rule.opaque) {
    findings.opaque.offer(number, rank(rule));
  } else if (rule.needs_requests()) {
    findings.seeing.offer(number, rank(rule));
  } else {
    findings.plain.offer(number, rank(rule));
    findings.never_inspect = findings.never_inspect || rule.never_inspect;
  }
}

void take(Findings& findings, std::uint32_t number, const CompiledRule& compiled) {
  const Rule& rule = *compiled.rule;
  Objections& side = rule.info.guardrail ? findings.guardrails : findings.policies;
  switch (rule.list) {
    case RuleList::kDeny:
      (rule.has_matchers ? side.deny_some : side.deny).offer(number);
      return;
    case RuleList::kReview:
      (rule.has_matchers ? side.review_some : side.review).offer(number);
      if (rule.opaque) findings.opaque_review.offer(number);
      return;
    case RuleList::kCeiling: {
      CeilingMatch& match = findings.ceilings[compiled.ceiling];
      match = std::max(match, rule.has_matchers ? CeilingMatch::kSome : CeilingMatch::kAll);
      return;
    }
    case RuleList::kAllow:
      take_allow(findings, number, rule);
      return;
  }
}

/// Before any port is known, only what holds on every port counts against a name.
bool fits_name(const TargetEntry& entry, const Rule& rule) {
  return rule.list != RuleList::kDeny || (entry.every_port() && !rule.has_matchers);
}

bool fits_port(const TargetEntry& entry, const Rule& rule, const Facts& facts) {
  if (!entry.has_port(facts.port)) return false;
  return rule.list != RuleList::kAllow || rule.opaque || port_speaks(facts.layer, facts.port);
}

}  // namespace

bool port_speaks(Layer layer, Port port) {
  if (layer == Layer::kTls) return port != kHttpPort;
  if (layer == Layer::kHttp) return port != kHttpsPort;
  return true;
}

Findings find(const CompiledPolicy& policy, const Facts& facts) {
  Findings findings;
  findings.ceilings.resize(policy.ceilings.size());
  MatchList matches;
  if (facts.host) {
    policy.hosts.find(*facts.host, matches);
  } else if (facts.destination) {
    policy.addresses.find(*facts.destination, matches);
  }
  for (const auto run : matches.runs) {
    for (const TargetEntry& entry : run) {
      const CompiledRule& compiled = policy.rules[entry.rule];
      const Rule& rule = *compiled.rule;
      if (entry.except || rule.expired(facts.now)) continue;
      const bool fits = facts.layer == Layer::kDns ? fits_name(entry, rule) : fits_port(entry, rule, facts);
      if (!fits && !positive(rule)) continue;
      if (compiled.has_except && excepted(matches, entry.rule, rule, facts)) continue;
      if (fits) {
        take(findings, entry.rule, compiled);
      } else {
        findings.wrong_port = findings.wrong_port || !rule.info.guardrail;
      }
    }
  }
  return findings;
}

Findings find_for_address(const CompiledPolicy& policy, const Facts& facts, const IpAddress& resolved) {
  Findings findings;
  MatchList matches;
  MatchList names;  // an `except` of the rule may name the host that resolved to the address
  policy.addresses.find(resolved, matches);
  if (matches.runs.empty()) return findings;
  if (facts.host) policy.hosts.find(*facts.host, names);
  for (const auto run : matches.runs) {
    for (const TargetEntry& entry : run) {
      const CompiledRule& compiled = policy.rules[entry.rule];
      const Rule& rule = *compiled.rule;
      const bool objects = rule.list == RuleList::kDeny || rule.list == RuleList::kReview;
      if (!objects || entry.except || !entry.has_port(facts.port) || rule.expired(facts.now)) continue;
      if (excepted(matches, entry.rule, rule, facts) || excepted(names, entry.rule, rule, facts)) continue;
      take(findings, entry.rule, compiled);
    }
  }
  return findings;
}

}  // namespace enforcer::policy
