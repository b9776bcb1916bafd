#include "policy/findings.h"

#include <algorithm>

#include "policy/own_credentials.h"

namespace enforcer::policy {
namespace {

constexpr std::size_t kUsualRuns = 8;  // a name's own rules, and those of a wildcard or two

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

/// Every allow or review that matches for certain has its say in what is added to the request.
void take_credential(Findings& findings, const CompiledRule& compiled) {
  const CredentialSpec* credential = compiled.credential;
  if (credential == nullptr) return;
  const bool another = findings.credential != nullptr && findings.credential != credential;
  findings.credentials = another || findings.credentials == Wanted::kDifferent ? Wanted::kDifferent : Wanted::kOne;
  findings.credential = credential;
  findings.set_cookie = findings.set_cookie || compiled.rule->set_cookie;
  findings.mint_tokens = findings.mint_tokens || compiled.rule->mint_tokens;
}

void take_allow(Findings& findings, std::uint32_t number, const CompiledRule& compiled, Truth truth,
                const Facts& facts) {
  const Rule& rule = *compiled.rule;
  // Whatever else keeps the rule from allowing: adding a credential must not be a way past it, to a rule that asks
  // less.
  if (refuses_credential(rule, facts)) findings.foreign.offer(number, truth, rank(rule));
  if (rule.opaque) {
    findings.opaque.offer(number, truth, rank(rule));
  } else if (needs_tls(rule, facts)) {
    findings.wrong_scheme = true;
  } else if (refuses_upgrade(rule, facts)) {
    findings.wrong_upgrade = true;
  } else if (is_unknown(truth) || (facts.layer != Layer::kHttp && rule.needs_requests())) {
    findings.seeing.offer(number, truth, rank(rule));
  } else {
    findings.plain.offer(number, truth, rank(rule));
    findings.never_inspect = findings.never_inspect || rule.never_inspect;
    take_credential(findings, compiled);
  }
}

void take(Findings& findings, std::uint32_t number, const CompiledRule& compiled, const Facts& facts) {
  const Rule& rule = *compiled.rule;
  const Truth truth = means_request(rule, facts);
  if (truth == Truth::kNo) {
    findings.wrong_request = findings.wrong_request || (positive(rule) && !rule.info.guardrail);
    return;
  }
  Objections& side = rule.info.guardrail ? findings.guardrails : findings.policies;
  switch (rule.list) {
    case RuleList::kDeny:
      (is_unknown(truth) ? side.deny_some : side.deny).offer(number, truth);
      return;
    case RuleList::kReview:
      // As an objection it holds all the same: asking for a WebSocket must not be a way around a review.
      if (refuses_upgrade(rule, facts)) {
        findings.wrong_upgrade = findings.wrong_upgrade || !rule.info.guardrail;
        return side.no_upgrade.offer(number, truth);
      }
      if (needs_tls(rule, facts)) {
        findings.wrong_scheme = findings.wrong_scheme || !rule.info.guardrail;
        return side.no_tls.offer(number, truth);
      }
      // Who wants more people to agree is asked: a rule that wants fewer must not hide it.
      (is_unknown(truth) ? side.review_some : side.review)
          .offer(number, truth, -static_cast<int>(rule.info.review->approvals));
      if (rule.opaque) findings.opaque_review.offer(number, truth);
      if (!is_unknown(truth) && !rule.info.guardrail) take_credential(findings, compiled);
      return;
    case RuleList::kCeiling: {
      Truth& ceiling = findings.ceilings[compiled.ceiling];
      ceiling = std::max(ceiling, truth);
      return;
    }
    case RuleList::kAllow:
      take_allow(findings, number, compiled, truth, facts);
      return;
  }
}

/// Before any port is known, only what holds on every port counts against a name.
bool fits_name(const TargetEntry& entry, const Rule& rule) {
  return rule.list != RuleList::kDeny || (entry.every_port() && !rule.has_matchers());
}

bool fits_port(const TargetEntry& entry, const Rule& rule, const Facts& facts) {
  if (!entry.has_port(facts.port)) return false;
  return rule.list != RuleList::kAllow || rule.opaque || port_speaks(facts);
}

/// Rules that name the host or address of the facts.
MatchList rules_here(const CompiledPolicy& policy, const Facts& facts) {
  MatchList matches;
  matches.runs.reserve(kUsualRuns);
  if (facts.host) {
    policy.hosts.find(*facts.host, matches);
  } else if (facts.destination) {
    policy.addresses.find(*facts.destination, matches);
  }
  return matches;
}

bool over_tls(const Facts& facts) {
  return facts.request && facts.request->transport == RequestFacts::Transport::kTls;
}

}  // namespace

bool port_speaks(const Facts& facts) {
  if (facts.layer == Layer::kTls) return facts.port != kHttpPort;
  if (facts.layer == Layer::kHttp) return facts.port != (over_tls(facts) ? kHttpPort : kHttpsPort);
  return true;
}

bool needs_tls(const Rule& rule, const Facts& facts) {
  return facts.layer == Layer::kHttp && !rule.credential.empty() && !over_tls(facts);
}

bool refuses_upgrade(const Rule& rule, const Facts& facts) {
  const bool asked = facts.request && facts.request->websocket;
  return asked && positive(rule) && !rule.opaque && !rule.websocket;
}

bool refuses_credential(const Rule& rule, const Facts& facts) {
  if (!rule.own_credentials_denied || facts.layer != Layer::kHttp) return false;
  return !facts.request || brings_credential(facts);
}

Truth means_request(const Rule& rule, const Facts& facts) {
  if (!rule.has_matchers()) return Truth::kYes;
  if (facts.layer != Layer::kHttp || !facts.request) return Truth::kCannotSee;
  const bool objecting = rule.list == RuleList::kDeny || rule.list == RuleList::kReview;
  return matches(rule.matcher, *facts.request, objecting ? Leaning::kObjecting : Leaning::kAllowing);
}

bool any_rule_here(const CompiledPolicy& policy, const Facts& facts, bool (*has)(const CompiledRule&, const Facts&)) {
  const MatchList matches = rules_here(policy, facts);
  for (const auto run : matches.runs) {
    for (const TargetEntry& entry : run) {
      const CompiledRule& rule = policy.rules[entry.rule];
      if (entry.except || !entry.has_port(facts.port) || rule.rule->expired(facts.now)) continue;
      if (has(rule, facts)) return true;
    }
  }
  return false;
}

Findings find(const CompiledPolicy& policy, const Facts& facts) {
  Findings findings;
  findings.ceilings.resize(policy.ceilings.size());
  const MatchList matches = rules_here(policy, facts);
  for (const auto run : matches.runs) {
    for (const TargetEntry& entry : run) {
      const CompiledRule& compiled = policy.rules[entry.rule];
      const Rule& rule = *compiled.rule;
      if (entry.except || rule.expired(facts.now)) continue;
      const bool fits = facts.layer == Layer::kDns ? fits_name(entry, rule) : fits_port(entry, rule, facts);
      if (!fits && !positive(rule)) continue;
      if (compiled.has_except && excepted(matches, entry.rule, rule, facts)) continue;
      if (fits) {
        take(findings, entry.rule, compiled, facts);
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
      take(findings, entry.rule, compiled, facts);
    }
  }
  return findings;
}

}  // namespace enforcer::policy
