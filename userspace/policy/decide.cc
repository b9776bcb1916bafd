// The verdict, in the order in which rules beat each other:
//
//   deny        a guardrail's, then a policy's
//   nothing     no allow and no review matches: denied, and the reason says what was missing
//   unknown     a rule that denies or reviews might match: denied, unless requests are to come that will tell
//   review      the request is held until people decide; what is no single request is denied. Of several rules the one
//               that wants most people to agree asks, a guardrail's before a policy's
//   allow       unless a guardrail's ceiling does not reach so far, the request brings a credential that an allow
//               does not want, two rules disagree about the credential, or it would be made into another
//
// In audit mode a denial that is not a guardrail's becomes an allow that carries what would have been said; guardrails
// are then asked again, about an implicit allow of everything, which adds no credential.
#include "policy/decide.h"

#include <algorithm>

#include "policy/compile.h"
#include "policy/findings.h"
#include "policy/token_endpoints.h"

namespace enforcer::policy {
namespace {

enum class Scope { kEverything, kGuardrailsOnly };

Reason not_known(Truth truth) {
  return truth == Truth::kCannotTell ? Reason::kActionUnknown : Reason::kInspectionUnavailable;
}

/// The denial that a deny or review rule makes.
Decision objection(const CompiledPolicy& policy, const Pick& pick) {
  const RuleInfo& info = policy.rules[pick.rule()].rule->info;
  const Reason certain = info.action == Action::kReview ? Reason::kReviewUnavailable : Reason::kRule;
  return {.reason = is_unknown(pick.truth()) ? not_known(pick.truth()) : certain, .rule = &info, .would = {}};
}

class Verdict {
 public:
  Verdict(const CompiledPolicy& policy, const Facts& facts, const Findings& findings, Scope scope)
      : policy_(policy), facts_(facts), findings_(findings), scope_(scope) {}

  [[nodiscard]] Decision reach() const {
    if (const auto denial = first_denial(&Objections::deny)) return *denial;
    if (scope_ == Scope::kEverything) {
      if (!policy_.selected) return deny(Reason::kNoPolicy);
      if (!findings_.anything()) return deny(nothing_matched());
    }
    switch (facts_.layer) {
      case Layer::kDns:
        return below_ceilings(allow(Handling::kNone, any_positive()), Truth::kCannotSee);
      case Layer::kL4:
        if (!opaque()) return below_ceilings(allow(Handling::kClassify, any_positive()), Truth::kCannotSee);
        return unseen(Handling::kOpaque);
      case Layer::kTls:
        return tls();
      case Layer::kHttp:
        return request();
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

  /// A denial by one sort of objection: a guardrail's first, because in audit mode only they count. `reason`: where it
  /// is not the one that such a rule has.
  [[nodiscard]] std::optional<Decision> first_denial(Pick Objections::* sort,
                                                     std::optional<Reason> reason = std::nullopt) const {
    const Pick& guardrail = findings_.guardrails.*sort;
    const Pick& policy = findings_.policies.*sort;
    const bool policies_count = scope_ == Scope::kEverything;
    if (!guardrail.found() && !(policies_count && policy.found())) return std::nullopt;
    Decision denial = objection(policy_, guardrail.found() ? guardrail : policy);
    denial.reason = reason.value_or(denial.reason);
    return denial;
  }

  [[nodiscard]] Reason nothing_matched() const {
    if (facts_.layer == Layer::kDns) return Reason::kDnsName;
    if (findings_.wrong_scheme) return Reason::kScheme;
    if (findings_.wrong_upgrade) return Reason::kUpgrade;
    if (findings_.wrong_request) return Reason::kRequest;
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

  /// What no request will tell any more: nobody looks into it, or it is the request itself.
  [[nodiscard]] std::optional<Decision> any_objection() const {
    if (auto denial = first_denial(&Objections::deny_some)) return denial;
    if (auto denial = first_denial(&Objections::no_upgrade, Reason::kUpgrade)) return denial;
    if (auto denial = first_denial(&Objections::no_tls, Reason::kScheme)) return denial;
    return first_denial(&Objections::review_some);
  }

  /// Who wants people to be asked, or null.
  [[nodiscard]] const RuleInfo* asking() const {
    const Pick& guardrail = findings_.guardrails.review;
    const Pick& policy = findings_.policies.review;
    const bool policies = scope_ == Scope::kEverything && policy.found();
    if (!guardrail.found()) return policies ? info(policy) : nullptr;
    if (!policies) return info(guardrail);
    const bool more = info(policy)->review->approvals > info(guardrail)->review->approvals;
    return info(more ? policy : guardrail);
  }

  /// Nobody will look into the bytes, so everything must be settled now.
  [[nodiscard]] Decision unseen(Handling handling) const {
    if (const auto denial = any_objection()) return *denial;
    if (const auto denial = first_denial(&Objections::review)) return *denial;
    return below_ceilings(certain_allow(handling), Truth::kYes);
  }

  [[nodiscard]] Decision tls() const {
    if (opaque() || findings_.never_inspect) {
      const Decision untouched = unseen(Handling::kPassthrough);
      return untouched.allowed() && facts_.ech ? deny(Reason::kEchPresent, untouched.rule) : untouched;
    }
    const Handling handling = requests_decide() || facts_.ech ? Handling::kIntercept : Handling::kPassthrough;
    Decision hello = allow(handling, any_positive());
    if (const RuleInfo* asks = asking(); asks != nullptr && scope_ == Scope::kEverything) {
      hello.reason = Reason::kReview;  // that is what every request will come to
      hello.rule = asks;
    }
    return below_ceilings(hello, Truth::kCannotSee);
  }

  /// Something that counts here speaks about single requests.
  [[nodiscard]] bool requests_decide() const {
    const auto some = [](const Objections& side) {
      return side.deny_some.found() || side.review_some.found() || side.review.found();
    };
    const bool everything = scope_ == Scope::kEverything;
    return some(findings_.guardrails) || std::ranges::any_of(findings_.ceilings, is_unknown) ||
           (everything && (some(findings_.policies) || findings_.seeing.found()));
  }

  [[nodiscard]] Decision request() const {
    if (const auto denial = any_objection()) return *denial;
    const bool everything = scope_ == Scope::kEverything;
    Decision decision = below_ceilings(let_through(), Truth::kYes);
    if (decision.allowed() && everything && findings_.foreign.found())
      return deny(Reason::kForeignCredential, info(findings_.foreign));
    if (decision.allowed() && everything) decision = with_credential(decision);
    return decision.allowed() && asking() != nullptr ? held(decision) : decision;
  }

  /// A guardrail's review is no allow; a policy's is one as soon as people agree.
  [[nodiscard]] Decision let_through() const {
    const bool by_allow = findings_.opaque.found() || findings_.plain.found();
    const bool by_review = scope_ == Scope::kEverything && findings_.policies.review.found() && !by_allow;
    return by_review ? allow(Handling::kPassthrough, info(findings_.policies.review))
                     : certain_allow(Handling::kPassthrough);
  }

  [[nodiscard]] Decision held(Decision decision) const {
    decision.action = Action::kReview;
    decision.reason = Reason::kReview;
    decision.beside = decision.rule;
    decision.rule = asking();
    return decision;
  }

  [[nodiscard]] Decision certain_allow(Handling handling) const {
    if (scope_ == Scope::kGuardrailsOnly) return allow(handling, &policy_.audit_rule);
    if (findings_.opaque.found()) return allow(handling, info(findings_.opaque));
    if (findings_.plain.found()) return allow(handling, info(findings_.plain));
    if (findings_.seeing.found()) return deny(not_known(findings_.seeing.truth()), info(findings_.seeing));
    return deny(Reason::kInternal);
  }

  /// Invariant 6: only where the credential itself says that it may go.
  [[nodiscard]] Decision with_credential(Decision decision) const {
    if (findings_.opaque.found() || findings_.credential == nullptr) return decision;
    if (findings_.credentials == Wanted::kDifferent) return deny(Reason::kCredentialConflict, decision.rule);
    const CredentialSpec::Injection* binding =
        facts_.host ? findings_.credential->binding_for(*facts_.host, facts_.port) : nullptr;
    if (binding == nullptr) return deny(Reason::kCredentialHostMismatch, decision.rule);
    if (!findings_.mint_tokens && mints_token(*binding)) return deny(Reason::kTokenMinting, decision.rule);
    decision.credential = findings_.credential;
    decision.set_cookie = findings_.set_cookie;
    return decision;
  }

  /// Without a request there is nothing that a credential could be added to.
  [[nodiscard]] bool mints_token(const CredentialSpec::Injection& binding) const {
    if (!facts_.request) return true;
    // Keys of objects are paths, too: where requests are signed, only what is asked of AWS counts.
    if (binding.as == CredentialSpec::Injection::As::kSigV4) return is_minting_call(*facts_.request, binding.services);
    return is_token_endpoint(*facts_.request);
  }

  /// An allow stands only when every guardrail's ceiling reaches it; `needed` says how surely.
  [[nodiscard]] Decision below_ceilings(Decision decision, Truth needed) const {
    for (std::size_t i = 0; decision.allowed() && i < findings_.ceilings.size(); ++i) {
      const Truth reaches = findings_.ceilings[i];
      if (reaches >= needed) continue;
      decision = deny(is_unknown(reaches) ? not_known(reaches) : Reason::kRule, policy_.ceilings[i]);
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
  const auto first = [&](const Objections& side) -> std::optional<Decision> {
    for (const Pick* pick : {&side.deny, &side.deny_some, &side.no_upgrade, &side.review, &side.review_some}) {
      if (!pick->found()) continue;
      Decision denial = objection(compiled, *pick);
      if (pick == &side.no_upgrade) denial.reason = Reason::kUpgrade;
      return denial;
    }
    return std::nullopt;
  };
  if (auto guardrail = first(findings.guardrails); guardrail || compiled.audit) return guardrail;
  return first(findings.policies);
}

}  // namespace enforcer::policy
