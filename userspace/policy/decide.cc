// The verdict, in the order in which rules beat each other:
//
//   deny        a guardrail's, then a policy's
//   nothing     no allow and no review matches: denied, and the reason says what was missing
//   unknown     a rule that denies or reviews some requests might match, and requests cannot be seen: denied
//   review      nobody can be asked yet: denied
//   allow       unless only rules that must see requests allow it, or a guardrail's ceiling does not reach so far
//
// In audit mode a denial that is not a guardrail's becomes an allow that carries what would have been said; guardrails
// are then asked again, about an implicit allow of everything.
#include "policy/decide.h"

#include "policy/compile.h"
#include "policy/findings.h"

namespace enforcer::policy {
namespace {

enum class Scope { kEverything, kGuardrailsOnly };

class Verdict {
 public:
  Verdict(const CompiledPolicy& policy, const Facts& facts, const Findings& findings, Scope scope)
      : policy_(policy), facts_(facts), findings_(findings), scope_(scope) {}

  [[nodiscard]] Decision reach() const {
    if (const auto denial = first_denial(&Objections::deny, Reason::kRule)) return *denial;
    if (scope_ == Scope::kEverything) {
      if (!policy_.selected) return deny(Reason::kNoPolicy);
      if (!findings_.anything()) return deny(nothing_matched());
    }
    switch (facts_.layer) {
      case Layer::kDns:
        return below_ceilings(allow(Handling::kNone, any_positive()), CeilingMatch::kSome);
      case Layer::kL4:
        if (!opaque()) return below_ceilings(allow(Handling::kClassify, any_positive()), CeilingMatch::kSome);
        return final(Handling::kOpaque);
      case Layer::kTls:
      case Layer::kHttp:
        return final(Handling::kPassthrough);
    }
    return deny(Reason::kInternal);
  }

 private:
  [[nodiscard]] static Decision deny(Reason reason, const RuleInfo* rule = nullptr) {
    return {.action = Action::kDeny, .handling = Handling::kNone, .reason = reason, .rule = rule, .would = {}};
  }
  [[nodiscard]] static Decision allow(Handling handling, const RuleInfo* rule) {
    return {.action = Action::kAllow, .handling = handling, .reason = Reason::kRule, .rule = rule, .would = {}};
  }
  [[nodiscard]] const RuleInfo* info(const Pick& pick) const { return &policy_.rules[pick.rule()].rule->info; }

  /// A denial by one sort of objection: a guardrail's first, because in audit mode only they count.
  [[nodiscard]] std::optional<Decision> first_denial(Pick Objections::* sort, Reason reason) const {
    const Pick& guardrail = findings_.guardrails.*sort;
    if (guardrail.found()) return deny(reason, info(guardrail));
    const Pick& policy = findings_.policies.*sort;
    if (scope_ == Scope::kEverything && policy.found()) return deny(reason, info(policy));
    return std::nullopt;
  }

  [[nodiscard]] Reason nothing_matched() const {
    if (facts_.layer == Layer::kDns) return Reason::kDnsName;
    if (findings_.wrong_port) return Reason::kPort;
    return facts_.host ? Reason::kNoRule : Reason::kAddress;
  }

  /// The bytes would not be looked at, so everything must be settled before the first one.
  [[nodiscard]] bool opaque() const {
    return scope_ == Scope::kEverything && (findings_.opaque.found() || findings_.opaque_review.found());
  }

  /// The rule to name while it is not known yet which one will allow.
  [[nodiscard]] const RuleInfo* any_positive() const {
    if (scope_ == Scope::kGuardrailsOnly) return &policy_.audit_rule;
    for (const Pick* pick : {&findings_.opaque, &findings_.plain, &findings_.seeing, &findings_.policies.review,
                             &findings_.policies.review_some}) {
      if (pick->found()) return info(*pick);
    }
    return nullptr;
  }

  [[nodiscard]] Decision final(Handling handling) const {
    if (const auto denial = first_denial(&Objections::deny_some, Reason::kInspectionUnavailable)) return *denial;
    if (const auto denial = first_denial(&Objections::review, Reason::kReviewUnavailable)) return *denial;
    if (const auto denial = first_denial(&Objections::review_some, Reason::kInspectionUnavailable)) return *denial;
    const Decision allowed = below_ceilings(allowing_rule(handling), CeilingMatch::kAll);
    if (allowed.allowed() && facts_.ech) return deny(Reason::kEchPresent, allowed.rule);
    return allowed;
  }

  [[nodiscard]] Decision allowing_rule(Handling handling) const {
    if (scope_ == Scope::kGuardrailsOnly) return allow(handling, &policy_.audit_rule);
    const bool untouched = findings_.opaque.found() || findings_.never_inspect;
    if (findings_.seeing.found() && !untouched) return deny(Reason::kInspectionUnavailable, info(findings_.seeing));
    const Pick& allowing = findings_.opaque.found() ? findings_.opaque : findings_.plain;
    return allowing.found() ? allow(handling, info(allowing)) : deny(Reason::kInternal);
  }

  /// An allow stands only when every guardrail's ceiling reaches it; `needed` says how surely.
  [[nodiscard]] Decision below_ceilings(Decision decision, CeilingMatch needed) const {
    for (std::size_t i = 0; decision.allowed() && i < findings_.ceilings.size(); ++i) {
      if (findings_.ceilings[i] >= needed) continue;
      const bool unknown = findings_.ceilings[i] == CeilingMatch::kSome;
      decision = deny(unknown ? Reason::kInspectionUnavailable : Reason::kRule, policy_.ceilings[i]);
    }
    return decision;
  }

  const CompiledPolicy& policy_;
  const Facts& facts_;
  const Findings& findings_;
  Scope scope_;
};

/// Facts that no rule can be asked about.
std::optional<Reason> unanswerable(const Facts& facts) {
  if (facts.host) return std::nullopt;
  if (facts.layer == Layer::kDns) return Reason::kNameInvalid;
  if (facts.layer == Layer::kTls) return Reason::kTlsNoSni;
  if (!facts.destination) return Reason::kAddressNotIssued;
  return std::nullopt;
}

}  // namespace

Decision decide(const GuestPolicy& policy, const Facts& facts) {
  const CompiledPolicy& compiled = policy.compiled();
  if (const auto reason = unanswerable(facts)) return {.reason = *reason, .would = {}};
  const Findings findings = find(compiled, facts);
  const Decision decision = Verdict(compiled, facts, findings, Scope::kEverything).reach();
  if (decision.allowed() || !compiled.audit) return decision;

  Decision audited = Verdict(compiled, facts, findings, Scope::kGuardrailsOnly).reach();
  if (!audited.allowed()) return audited;
  audited.reason = Reason::kAuditMode;
  audited.would = Decision::Would{decision.action, decision.reason, decision.rule};
  return audited;
}

std::optional<Decision> deny_address(const GuestPolicy& policy, const Facts& facts, const IpAddress& resolved) {
  const CompiledPolicy& compiled = policy.compiled();
  const Findings findings = find_for_address(compiled, facts, resolved);
  const auto denial = [&](const Pick& pick, Reason reason) {
    return Decision{.reason = reason, .rule = &compiled.rules[pick.rule()].rule->info, .would = {}};
  };
  const auto objection = [&](const Objections& side) -> std::optional<Decision> {
    if (side.deny.found()) return denial(side.deny, Reason::kRule);
    if (side.deny_some.found()) return denial(side.deny_some, Reason::kInspectionUnavailable);
    if (side.review.found()) return denial(side.review, Reason::kReviewUnavailable);
    if (side.review_some.found()) return denial(side.review_some, Reason::kInspectionUnavailable);
    return std::nullopt;
  };
  if (auto guardrail = objection(findings.guardrails); guardrail || compiled.audit) return guardrail;
  return objection(findings.policies);
}

}  // namespace enforcer::policy
