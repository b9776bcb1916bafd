#include "naive.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "fixture.h"
#include "naive_request.h"

namespace enforcer::policy::test {

using namespace naive;  // its Truth is not the library's, which is what is tested

namespace {

bool where_matches(const NaiveTarget& target, const Facts& facts) {
  if (facts.host) return !target.block && naive_match(target.where, facts.host->text());
  return target.block && Cidr::parse(target.where)->contains(*facts.destination);
}

std::string port_of(const NaiveTarget& target, bool allow) {
  return target.port.empty() ? (allow ? "443" : "*") : target.port;
}

bool port_matches(const std::string& port, const Facts& facts) {
  const auto number = static_cast<unsigned>(facts.port);
  return number != 0 && (port == "*" || port == std::to_string(number));
}

/// One rule of one policy in the light of the facts.
struct Seen {
  const NaivePolicy* policy;
  const NaiveRule* rule;
  bool matches = false;
  bool other_port = false;
  bool other_request = false;
  bool wrong_scheme = false;
  bool wrong_upgrade = false;
  bool no_tls = false;  ///< a review whose credential must not go in the clear
  bool foreign = false;
  Truth truth = kYes;
  [[nodiscard]] bool needs_requests() const {
    return !rule->matcher.empty() || !rule->credential.empty() || rule->websocket || rule->foreign;
  }
  [[nodiscard]] bool unknown() const { return truth == kCannotSee || truth == kCannotTell; }
  [[nodiscard]] std::string name() const { return policy->name + "/" + rule->name; }
  [[nodiscard]] std::string not_known() const {
    return truth == kCannotTell ? "action_unknown" : "inspection_unavailable";
  }
};

bool is_excepted(const NaiveRule& rule, const Facts& facts) {
  for (const NaiveTarget& hole : rule.except) {
    if (!where_matches(hole, facts)) continue;
    const std::string port = port_of(hole, false);
    if (facts.layer == Layer::kDns ? port == "*" || rule.list == "deny" : port_matches(port, facts)) return true;
  }
  return false;
}

bool in_the_clear(const Facts& facts) {
  return !facts.request || facts.request->transport == RequestFacts::Transport::kClear;
}

/// TLS never comes on port 80, clear HTTP never on 443.
bool speaks_wrongly(const Facts& facts) {
  if (facts.layer == Layer::kTls) return facts.port == kHttpPort;
  return facts.layer == Layer::kHttp && facts.port == (in_the_clear(facts) ? kHttpsPort : kHttpPort);
}

Seen look(const NaivePolicy& policy, const NaiveRule& rule, const Facts& facts) {
  Seen seen{&policy, &rule};
  if (rule.expires == "past" || is_excepted(rule, facts)) return seen;
  const bool allow = rule.list == "allow";
  for (const NaiveTarget& target : rule.to) {
    if (!where_matches(target, facts)) continue;
    const std::string port = port_of(target, allow);
    bool fits = port_matches(port, facts);
    if (facts.layer == Layer::kDns) fits = rule.list != "deny" || (port == "*" && rule.matcher.empty());
    if (allow && !rule.tcp && speaks_wrongly(facts)) fits = false;
    (fits ? seen.matches : seen.other_port) = true;
  }
  if (!seen.matches) return seen;
  const bool objects = rule.list == "deny" || rule.list == "review";
  if (!rule.matcher.empty()) {
    const bool asked = facts.layer == Layer::kHttp && facts.request;
    seen.truth = asked ? naive_ask(rule.matcher, objects, *facts.request) : kCannotSee;
  }
  seen.other_request = seen.truth == kNo;
  seen.foreign = rule.foreign && !seen.other_request && facts.layer == Layer::kHttp &&
                 (!facts.request || naive_brings_credential(*facts.request));
  seen.wrong_scheme = seen.truth != kNo && allow && !rule.tcp && !rule.credential.empty() &&
                      facts.layer == Layer::kHttp && in_the_clear(facts);
  const bool asked = facts.request && facts.request->websocket;
  const bool lets_through = allow || rule.list == "review";
  seen.wrong_upgrade =
      asked && lets_through && !rule.websocket && !rule.tcp && !seen.other_request && !seen.wrong_scheme;
  seen.no_tls = rule.list == "review" && !rule.credential.empty() && !seen.other_request && !seen.wrong_upgrade &&
                facts.layer == Layer::kHttp && in_the_clear(facts);
  seen.matches = !seen.other_request && !seen.wrong_scheme && !seen.wrong_upgrade && !seen.no_tls;
  return seen;
}

class Naive {
 public:
  Naive(const std::vector<NaivePolicy>& policies, const Facts& facts) : policies_(policies), facts_(facts) {
    for (const NaivePolicy& policy : policies) {
      for (const NaiveRule& rule : policy.rules) seen_.push_back(look(policy, rule, facts));
      if (policy.guardrail) continue;
      selected_ = true;
      audit_ = audit_ && policy.audit;
      if (audit_name_.empty() || policy.name < audit_name_) audit_name_ = policy.name;
    }
    audit_name_ += "/audit-mode";
  }

  std::string answer() {
    const std::string enforced = verdict(true);
    if (enforced.starts_with("allow") || !selected_ || !audit_) return enforced;
    const std::string audited = verdict(false);
    if (!audited.starts_with("allow")) return audited;
    const auto name = audited.find(audit_name_);
    // Of a review, the rule that asks.
    const std::string_view how = " passthrough";
    const std::string would = enforced.starts_with("review") ? "review" + enforced.substr(6 + how.size()) : enforced;
    return audited.substr(0, name) + "audit_mode " + audited.substr(name) + " would " +
           would.substr(0, would.find(" with "));
  }

 private:
  using Wanted = std::function<bool(const Seen&)>;

  /// The first of those that match and are wanted: a credential, then private space, then the name; of reviews, who
  /// wants more people.
  std::optional<Seen> first(const Wanted& wanted) const {
    std::optional<Seen> best;
    const auto key = [](const Seen& seen) {
      const bool allow = seen.rule->list == "allow";
      const int rank = seen.rule->list == "review"      ? -seen.rule->approvals
                       : !allow                         ? 2
                       : !seen.rule->credential.empty() ? 0
                       : seen.rule->private_destination ? 1
                                                        : 2;
      return std::tuple(rank, seen.policy->name, seen.rule->name, seen.policy->guardrail);
    };
    for (const Seen& seen : seen_) {
      if (seen.matches && wanted(seen) && (!best || key(seen) < key(*best))) best = seen;
    }
    return best;
  }

  std::optional<std::string> objection(const std::string& list, bool unknown, bool everything) const {
    for (const bool guardrail : {true, false}) {
      if (!guardrail && !everything) continue;
      const auto found = first([&](const Seen& s) {
        return s.rule->list == list && s.unknown() == unknown && s.policy->guardrail == guardrail;
      });
      if (!found) continue;
      const std::string certain = list == "deny" ? "rule" : "review_unavailable";
      return "deny " + (unknown ? found->not_known() : certain) + " " + found->name();
    }
    return std::nullopt;
  }

  /// A review that cannot let a WebSocket through is in its way all the same.
  std::optional<std::string> upgrade_objection(bool everything) const {
    for (const bool guardrail : {true, false}) {
      std::optional<std::string> best;
      for (const Seen& seen : seen_) {
        const bool counts = seen.wrong_upgrade && seen.rule->list == "review" && seen.policy->guardrail == guardrail;
        if (counts && (!best || seen.name() < *best)) best = seen.name();
      }
      if (best && (guardrail || everything)) return "deny upgrade " + *best;
    }
    return std::nullopt;
  }

  std::optional<std::string> scheme_objection(bool everything) const {
    std::optional<std::string> best;
    for (const Seen& seen : seen_) {
      if (everything && seen.no_tls && (!best || seen.name() < *best)) best = seen.name();
    }
    return best ? std::optional("deny scheme " + *best) : std::nullopt;
  }

  std::optional<std::string> any_objection(bool everything) const {
    if (auto denial = objection("deny", true, everything)) return denial;
    if (auto denial = upgrade_objection(everything)) return denial;
    if (auto denial = scheme_objection(everything)) return denial;
    return objection("review", true, everything);
  }

  /// A review that matches for certain.
  std::optional<Seen> review(bool guardrail) const {
    return first(
        [&](const Seen& s) { return s.rule->list == "review" && !s.unknown() && s.policy->guardrail == guardrail; });
  }

  /// Who asks people: whoever wants more of them, else a guardrail.
  std::optional<Seen> asking(bool everything) const {
    const auto ours = everything ? review(false) : std::nullopt;
    const auto theirs = review(true);
    if (!ours || !theirs) return theirs ? theirs : ours;
    return ours->rule->approvals > theirs->rule->approvals ? ours : theirs;
  }

  /// How far each guardrail's ceiling reaches, in the order of their names.
  std::vector<std::pair<std::string, Truth>> ceilings() const {
    std::map<std::string, Truth> reach;
    for (const NaivePolicy& policy : policies_) {
      if (policy.has_ceiling) reach[policy.name] = kNo;
    }
    for (const Seen& seen : seen_) {
      if (seen.rule->list != "ceiling" || !seen.matches) continue;
      reach[seen.policy->name] = std::max(reach[seen.policy->name], seen.truth);
    }
    return {reach.begin(), reach.end()};
  }

  std::string below_ceilings(const std::string& allowed, bool surely) const {
    for (const auto& [name, truth] : ceilings()) {
      if (truth == kYes || (truth != kNo && !surely)) continue;
      const std::string reason = truth == kNo           ? "rule"
                                 : truth == kCannotTell ? "action_unknown"
                                                        : "inspection_unavailable";
      return fmt::format("deny {} {}/ceiling", reason, name);
    }
    return allowed;
  }

  std::string verdict(bool everything) const {
    if (auto denial = objection("deny", false, everything)) return *denial;
    const auto positive = any_positive();
    if (everything) {
      if (!selected_) return "deny no_policy";
      if (!positive) return "deny " + missing();
    }
    const std::string named = everything ? positive->name() : audit_name_;
    if (facts_.layer == Layer::kDns) return below_ceilings("allow " + named, false);
    if (facts_.layer == Layer::kHttp) return request(everything);
    const bool opaque =
        everything && (tcp() || first([](const Seen& s) { return s.rule->list == "review" && s.rule->tcp; }));
    if (facts_.layer == Layer::kL4)
      return opaque ? unseen("opaque", everything) : below_ceilings("allow classify " + named, false);
    if (opaque || first([&](const Seen& s) { return is_plain(s) && s.rule->never; })) {
      const std::string allowed = unseen("passthrough", everything);
      return facts_.ech && allowed.starts_with("allow") ? "deny ech_present" + allowed.substr(17) : allowed;
    }
    const char* how = facts_.ech || requests_decide(everything) ? "intercept" : "passthrough";
    const auto asks = everything ? asking(true) : std::nullopt;
    return below_ceilings(fmt::format("allow {} {}", how, asks ? asks->name() : named), false);
  }

  /// An allow that needs to know nothing more.
  [[nodiscard]] bool is_plain(const Seen& s) const {
    const bool knows = facts_.layer == Layer::kHttp ? s.truth == kYes : !s.needs_requests();
    return s.rule->list == "allow" && !s.rule->tcp && knows;
  }
  std::optional<Seen> tcp() const {
    return first([](const Seen& s) { return s.rule->list == "allow" && s.rule->tcp; });
  }
  std::optional<Seen> plain() const {
    return first([&](const Seen& s) { return is_plain(s); });
  }
  std::optional<Seen> seeing() const {
    return first([&](const Seen& s) { return s.rule->list == "allow" && !s.rule->tcp && !is_plain(s); });
  }

  std::optional<Seen> any_positive() const {
    const auto unsure =
        first([&](const Seen& s) { return s.rule->list == "review" && !s.policy->guardrail && s.unknown(); });
    for (const auto& found : {tcp(), plain(), seeing(), review(false), unsure}) {
      if (found) return found;
    }
    return std::nullopt;
  }

  bool requests_decide(bool everything) const {
    for (const auto& ceiling : ceilings()) {
      if (ceiling.second == kCannotSee) return true;
    }
    return (everything && seeing()) || objection("deny", true, everything) || objection("review", true, everything) ||
           asking(everything);
  }

  std::string certain_allow(const std::string& how, bool everything) const {
    if (!everything) return "allow " + how + " " + audit_name_;
    if (const auto found = tcp() ? tcp() : plain()) return "allow " + how + " " + found->name();
    return "deny " + seeing()->not_known() + " " + seeing()->name();
  }

  std::string unseen(const std::string& how, bool everything) const {
    if (auto denial = any_objection(everything)) return *denial;
    if (auto denial = objection("review", false, everything)) return *denial;
    return below_ceilings(certain_allow(how, everything), true);
  }

  std::string request(bool everything) const {
    if (auto denial = any_objection(everything)) return *denial;
    const auto by_review = everything && !tcp() && !plain() ? review(false) : std::nullopt;
    const std::string certain =
        by_review ? "allow passthrough " + by_review->name() : certain_allow("passthrough", everything);
    if (!certain.starts_with("allow")) return certain;
    const std::string unasked = below_ceilings(certain, true);
    if (!unasked.starts_with("allow")) return unasked;
    const auto asks = asking(everything);
    const std::string allowed = asks ? "review passthrough review " + asks->name() : unasked;
    if (!everything) return allowed;
    if (const auto named = foreign()) return "deny foreign_credential " + *named;
    if (tcp()) return allowed;
    std::set<std::string> credentials;
    bool mints = false;
    bool cookies = false;
    for (const Seen& seen : seen_) {
      const bool reviews = seen.rule->list == "review" && !seen.policy->guardrail && !seen.unknown();
      if (!seen.matches || !(is_plain(seen) || reviews) || seen.rule->credential.empty()) continue;
      credentials.insert(seen.rule->credential);
      mints = mints || seen.rule->mints;
      cookies = cookies || seen.rule->cookies;
    }
    if (credentials.empty()) return allowed;
    const std::string name = plain() ? plain()->name() : by_review->name();
    if (credentials.size() > 1) return "deny credential_conflict " + name;
    const bool bound = facts_.host && std::ranges::any_of(kNaiveBound, [&](const char* pattern) {
                         return naive_match(pattern, facts_.host->text());
                       });
    const bool on_port = *credentials.begin() == "bot" || facts_.port == kHttpsPort;
    if (!bound || !on_port) return "deny credential_host_mismatch " + name;
    if (!mints && naive_mints(*facts_.request)) return "deny token_minting " + name;
    return allowed + " with " + *credentials.begin() + (cookies ? " and cookies" : "");
  }

  /// Of the rules that want no credentials of the guest's own, the first, whether or not it could have allowed.
  std::optional<std::string> foreign() const {
    std::optional<std::pair<int, std::string>> best;
    for (const Seen& seen : seen_) {
      if (!seen.foreign) continue;
      const int rank = !seen.rule->credential.empty() ? 0 : seen.rule->private_destination ? 1 : 2;
      const std::pair key(rank, seen.name());
      if (!best || key < *best) best = key;
    }
    return best ? std::optional(best->second) : std::nullopt;
  }

  std::string missing() const {
    if (facts_.layer == Layer::kDns) return "dns_name";
    const auto any = [&](bool Seen::* what) {
      return std::ranges::any_of(seen_, [&](const Seen& s) {
        return s.*what && !s.policy->guardrail && (s.rule->list == "allow" || s.rule->list == "review");
      });
    };
    if (any(&Seen::wrong_scheme) || any(&Seen::no_tls)) return "scheme";
    if (any(&Seen::wrong_upgrade)) return "upgrade";
    if (any(&Seen::other_request)) return "request";
    if (any(&Seen::other_port)) return "port";
    return facts_.host ? "name" : "address";
  }

  const std::vector<NaivePolicy>& policies_;
  const Facts& facts_;
  std::vector<Seen> seen_;
  bool selected_ = false;
  bool audit_ = true;
  std::string audit_name_;
};

}  // namespace

std::string naive_answer(const std::vector<NaivePolicy>& policies, const Facts& facts) {
  return Naive(policies, facts).answer();
}

}  // namespace enforcer::policy::test
