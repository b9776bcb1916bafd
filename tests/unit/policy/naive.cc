#include "naive.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace enforcer::policy::test {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool label_match(const std::string& pattern, const std::string& label) {
  if (pattern.empty()) return label.empty();
  if (pattern[0] != '*')
    return !label.empty() && label[0] == pattern[0] && label_match(pattern.substr(1), label.substr(1));
  for (std::size_t taken = 1; taken <= label.size(); ++taken) {
    if (label_match(pattern.substr(1), label.substr(taken))) return true;
  }
  return false;
}

bool same_labels(const std::vector<std::string>& patterns, const std::vector<std::string>& labels) {
  if (patterns.size() != labels.size()) return false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (!label_match(patterns[i], labels[i])) return false;
  }
  return true;
}

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
  [[nodiscard]] bool needs_requests() const { return rule->http || !rule->credential.empty(); }
  [[nodiscard]] std::string name() const { return policy->name + "/" + rule->name; }
};

bool is_excepted(const NaiveRule& rule, const Facts& facts) {
  for (const NaiveTarget& hole : rule.except) {
    if (!where_matches(hole, facts)) continue;
    const std::string port = port_of(hole, false);
    if (facts.layer == Layer::kDns ? port == "*" || rule.list == "deny" : port_matches(port, facts)) return true;
  }
  return false;
}

Seen look(const NaivePolicy& policy, const NaiveRule& rule, const Facts& facts) {
  Seen seen{&policy, &rule};
  if (rule.expires == "past" || is_excepted(rule, facts)) return seen;
  for (const NaiveTarget& target : rule.to) {
    if (!where_matches(target, facts)) continue;
    const std::string port = port_of(target, rule.list == "allow");
    bool fits = port_matches(port, facts);
    if (facts.layer == Layer::kDns) fits = rule.list != "deny" || (port == "*" && !rule.http);
    if (rule.list == "allow" && !rule.tcp && facts.layer == Layer::kTls && facts.port == kHttpPort) fits = false;
    if (rule.list == "allow" && !rule.tcp && facts.layer == Layer::kHttp && facts.port == kHttpsPort) fits = false;
    (fits ? seen.matches : seen.other_port) = true;
  }
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
    return audited.substr(0, name) + "audit_mode " + audited.substr(name) + " would " + enforced;
  }

 private:
  using Wanted = std::function<bool(const Seen&)>;

  /// The first of those that match and are wanted: a credential, then private space, then the name.
  std::optional<Seen> first(const Wanted& wanted) const {
    std::optional<Seen> best;
    const auto key = [](const Seen& seen) {
      const bool allow = seen.rule->list == "allow";
      const int rank = !allow ? 2 : !seen.rule->credential.empty() ? 0 : seen.rule->private_destination ? 1 : 2;
      return std::tuple(rank, seen.policy->name, seen.rule->name, seen.policy->guardrail);
    };
    for (const Seen& seen : seen_) {
      if (seen.matches && wanted(seen) && (!best || key(seen) < key(*best))) best = seen;
    }
    return best;
  }

  std::optional<std::string> objection(const std::string& list, bool some, const std::string& reason,
                                       bool everything) const {
    for (const bool guardrail : {true, false}) {
      if (!guardrail && !everything) continue;
      const auto found = first([&](const Seen& s) {
        return s.rule->list == list && s.rule->http == some && s.policy->guardrail == guardrail;
      });
      if (found) return "deny " + reason + " " + found->name();
    }
    return std::nullopt;
  }

  std::string below_ceilings(const std::string& allowed, bool surely) const {
    std::vector<const NaivePolicy*> guardrails;
    for (const NaivePolicy& policy : policies_) {
      if (policy.has_ceiling) guardrails.push_back(&policy);
    }
    std::ranges::sort(guardrails, {}, &NaivePolicy::name);
    for (const NaivePolicy* guardrail : guardrails) {
      bool some = false;
      bool all = false;
      for (const Seen& seen : seen_) {
        if (seen.policy != guardrail || seen.rule->list != "ceiling" || !seen.matches) continue;
        (seen.rule->http ? some : all) = true;
      }
      if (all || (some && !surely)) continue;
      return fmt::format("deny {} {}/ceiling", some ? "inspection_unavailable" : "rule", guardrail->name);
    }
    return allowed;
  }

  std::string verdict(bool everything) const {
    if (auto denial = objection("deny", false, "rule", everything)) return *denial;
    const auto policys = [](const char* list) {
      return [list](const Seen& s) { return s.rule->list == list && !s.policy->guardrail; };
    };
    const auto allow = [](const Wanted& more) {
      return [more](const Seen& s) { return s.rule->list == "allow" && more(s); };
    };
    const auto tcp = first(allow([](const Seen& s) { return s.rule->tcp; }));
    const auto plain = first(allow([](const Seen& s) { return !s.rule->tcp && !s.needs_requests(); }));
    const auto never = first(allow([](const Seen& s) { return !s.rule->tcp && !s.needs_requests() && s.rule->never; }));
    const auto seeing = first(allow([](const Seen& s) { return !s.rule->tcp && s.needs_requests(); }));
    const auto review = first([&](const Seen& s) { return policys("review")(s) && !s.rule->http; });
    const auto review_some = first([&](const Seen& s) { return policys("review")(s) && s.rule->http; });
    const auto tcp_review = first([&](const Seen& s) { return s.rule->list == "review" && s.rule->tcp; });
    const auto positive = tcp ? tcp : plain ? plain : seeing ? seeing : review ? review : review_some;
    if (everything) {
      if (!selected_) return "deny no_policy";
      if (!positive) return "deny " + missing();
    }
    const std::string named = everything ? positive->name() : audit_name_;
    if (facts_.layer == Layer::kDns) return below_ceilings("allow " + named, false);
    const bool opaque = everything && (tcp || tcp_review);
    if (facts_.layer == Layer::kL4 && !opaque) return below_ceilings("allow classify " + named, false);
    if (auto denial = objection("deny", true, "inspection_unavailable", everything)) return *denial;
    if (auto denial = objection("review", false, "review_unavailable", everything)) return *denial;
    if (auto denial = objection("review", true, "inspection_unavailable", everything)) return *denial;
    std::string allowing = named;
    if (everything) {
      if (seeing && !tcp && !never) return "deny inspection_unavailable " + seeing->name();
      allowing = (tcp ? tcp : plain)->name();
    }
    const std::string how = facts_.layer == Layer::kL4 ? "opaque" : "passthrough";
    const std::string allowed = below_ceilings(fmt::format("allow {} {}", how, allowing), true);
    if (facts_.ech && allowed.starts_with("allow")) return "deny ech_present " + allowing;
    return allowed;
  }

  std::string missing() const {
    if (facts_.layer == Layer::kDns) return "dns_name";
    const auto near = [](const Seen& s) {
      return s.other_port && !s.policy->guardrail && (s.rule->list == "allow" || s.rule->list == "review");
    };
    if (std::ranges::any_of(seen_, near)) return "port";
    return facts_.host ? "name" : "address";
  }

  const std::vector<NaivePolicy>& policies_;
  const Facts& facts_;
  std::vector<Seen> seen_;
  bool selected_ = false;
  bool audit_ = true;
  std::string audit_name_;
};

std::string targets_to_yaml(const std::vector<NaiveTarget>& targets) {
  std::string text;
  for (const NaiveTarget& target : targets) {
    text +=
        fmt::format("{}'{}{}{}'", text.empty() ? "" : ", ", target.where, target.port.empty() ? "" : ":", target.port);
  }
  return text;
}

}  // namespace

bool naive_match(const std::string& pattern, const std::string& name) {
  auto patterns = split(pattern);
  auto labels = split(name);
  if (patterns.front() != "**") return same_labels(patterns, labels);
  patterns.erase(patterns.begin());
  if (labels.size() <= patterns.size()) return false;
  labels.erase(labels.begin(), labels.end() - static_cast<std::ptrdiff_t>(patterns.size()));
  return same_labels(patterns, labels);
}

std::string to_yaml(const NaivePolicy& policy) {
  std::string text = fmt::format("apiVersion: enforcer.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n",
                                 policy.guardrail ? "Guardrail" : "Policy", policy.name);
  if (!policy.guardrail) text += "  guests: {matchLabels: {role: agent}}\n";
  if (policy.audit) text += "  mode: audit\n";
  for (const char* list : {"allow", "review", "deny", "ceiling"}) {
    if (std::string_view(list) == "allow" && policy.guardrail) continue;
    if (std::string_view(list) == "ceiling" && !policy.has_ceiling) continue;
    std::string rules;
    for (const NaiveRule& rule : policy.rules) {
      if (rule.list != list) continue;
      rules += fmt::format("    - {{name: {}, to: [{}]", rule.name, targets_to_yaml(rule.to));
      if (!rule.except.empty()) rules += fmt::format(", except: [{}]", targets_to_yaml(rule.except));
      if (rule.list == "allow") rules += ", broad: true";
      if (rule.tcp) rules += ", protocol: tcp";
      if (rule.never) rules += ", inspect: never";
      if (rule.http) rules += ", http: [{methods: [GET]}]";
      if (rule.private_destination) rules += ", private: true";
      if (!rule.credential.empty()) rules += ", credential: " + rule.credential;
      if (rule.expires == "past") rules += ", expires: 2020-01-01T00:00:00Z";
      if (rule.expires == "future") rules += ", expires: 2100-01-01T00:00:00Z";
      rules += "}\n";
    }
    text += fmt::format("  {}:{}", list, rules.empty() ? " []\n" : "\n" + rules);
  }
  return text;
}

std::string naive_answer(const std::vector<NaivePolicy>& policies, const Facts& facts) {
  return Naive(policies, facts).answer();
}

}  // namespace enforcer::policy::test
