// decide() against the naive reference, on random policies and names; and the promises that hold for all policies.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "fixture.h"
#include "naive.h"
#include "policy/compile.h"
#include "policy/explain.h"

namespace enforcer::policy::test {
namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine_); }
  bool once_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  void shuffle(std::vector<T>& items) {
    std::ranges::shuffle(items, engine_);
  }

  // Few labels, so that rules and names meet often.
  std::string label() {
    static const char* kLabels[] = {"a", "b", "ab", "x-a", "a-x"};
    return kLabels[below(std::size(kLabels))];
  }
  std::string name() {
    std::string text = label();
    for (std::size_t more = below(3); more > 0; --more) text = label() + "." + text;
    return text + (once_in(8) ? "" : once_in(2) ? ".test" : ".b.test");
  }
  std::string pattern() {
    switch (below(7)) {
      case 0:
        return "*." + name();
      case 1:
        return "**." + name();
      case 2:
        return (once_in(2) ? "x-*." : "*a.") + name();
      case 3:
        return label() + ".*." + name();
      case 4:
        return once_in(6) ? "**" : "**.test";
      default:
        return name();
    }
  }
  std::string block() {
    static const char* kBlocks[] = {"93.184.216.0/24", "93.184.216.34", "93.0.0.0/8",
                                    "2600:9000::/48",  "0.0.0.0/0",     "::/0"};
    return kBlocks[below(std::size(kBlocks))];
  }
  std::string port() {
    static const char* kPorts[] = {"", "", "", "80", "443", "8443", "*"};
    return kPorts[below(std::size(kPorts))];
  }
  NaiveTarget target() {
    if (!once_in(5)) return {pattern(), port()};
    NaiveTarget target{block(), port(), true};
    if (!target.port.empty() && target.where.find(':') != std::string::npos) target.where = "[" + target.where + "]";
    return target;
  }
  std::vector<NaiveTarget> targets(std::size_t most) {
    std::vector<NaiveTarget> out;
    for (std::size_t n = 1 + below(most); n > 0; --n) out.push_back(target());
    return out;
  }

  NaiveRule rule(const std::string& list, bool guardrail, bool tcp) {
    NaiveRule rule{.name = "r" + std::to_string(below(1000000)), .list = list, .to = targets(3)};
    if (once_in(3)) rule.except = targets(2);
    if (once_in(6)) rule.expires = once_in(2) ? "past" : "future";
    const bool connection = (list == "allow" || list == "review") && (!guardrail || list == "review");
    rule.tcp = connection && tcp;
    if (!rule.tcp && once_in(3)) rule.matcher = kNaiveMatchers[below(std::size(kNaiveMatchers))];
    const bool may_add = list == "allow" || (list == "review" && !guardrail);
    if (may_add && !rule.tcp && once_in(3)) add_credential(rule);
    if (list == "review" && once_in(3)) rule.approvals = 2;
    if (connection && !rule.tcp && once_in(4)) rule.websocket = true;
    if (list == "allow" && !rule.tcp && once_in(8)) rule.foreign = true;
    rule.mints = !rule.credential.empty() && once_in(4);
    rule.cookies = !rule.credential.empty() && once_in(4);
    const bool looks = !rule.matcher.empty() || !rule.credential.empty() || rule.websocket || rule.foreign;
    if (connection && !looks && once_in(6)) rule.never = true;
    if (connection && once_in(5)) rule.private_destination = true;
    return rule;
  }

  /// Without the targets that no credential may go to, which are refused.
  void add_credential(NaiveRule& rule) {
    std::erase_if(rule.to,
                  [](const NaiveTarget& t) { return t.block || t.port == "80" || !t.where.ends_with("test"); });
    if (rule.to.empty()) rule.to.push_back({label() + ".test", port()});
    if (rule.to.back().port == "80") rule.to.back().port = "*";
    if (once_in(2)) rule.to.push_back({"**.test", port() == "443" ? "*" : ""});  // so that two credentials meet
    rule.credential = once_in(3) ? "other" : "bot";
  }

  NaivePolicy policy(const std::string& name, bool guardrail) {
    NaivePolicy policy{.name = name, .guardrail = guardrail};
    policy.audit = !guardrail && once_in(2);
    policy.has_ceiling = guardrail && once_in(3);
    const bool tcp = once_in(5);  // a policy of opaque rules only: mixed ones are refused where they overlap
    for (std::size_t n = below(6); n > 0; --n) {
      const std::string list = guardrail    ? (once_in(2) ? "deny" : "review")
                               : once_in(4) ? "deny"
                               : once_in(4) ? "review"
                                            : "allow";
      policy.rules.push_back(rule(list, guardrail, tcp));
    }
    if (policy.has_ceiling) {
      for (std::size_t n = below(5); n > 0; --n) policy.rules.push_back(rule("ceiling", true, false));
    }
    return policy;
  }

  std::vector<NaivePolicy> policies() {
    std::vector<NaivePolicy> out;
    static const char* kNames[] = {"m", "a", "z"};
    for (std::size_t i = 0; i < 1 + below(3); ++i) out.push_back(policy(kNames[i], false));
    static const char* kGuardrails[] = {"g", "b"};
    for (std::size_t i = 0; i < below(3) && i < 2; ++i) out.push_back(policy(kGuardrails[i], true));
    return out;
  }

  template <class T, std::size_t size>
  T one_of(const T (&items)[size]) {
    return items[below(size)];
  }

  RequestFacts request() {
    RequestFacts request;
    if (!once_in(3)) request.transport = RequestFacts::Transport::kTls;
    request.method = one_of({"GET", "GET", "POST", "PUT"});
    request.path = one_of({"/", "/a", "/a/b/c", "/ab", "/a/w.git/info/refs", "/a/w.git/git-upload-pack",
                           "/a/w.git/git-receive-pack", "/oauth/token", "/user/keys"});
    request.query = one_of<const char*>({"s=open", "s=open&s=closed", "t=open", "service=git-upload-pack",
                                         "service=git-receive-pack", "s=&s=open", "api_key=1"});
    if (once_in(4)) request.query.reset();
    for (std::size_t n = below(3); n > 0; --n)
      request.fields.push_back(
          {once_in(3) ? "x-role" : "role", one_of({"user", "user1, user2", "user, admin", "admin"})});
    if (once_in(6)) request.fields.push_back({"authorization", "Bearer mine"});
    request.websocket = once_in(4);
    if (!once_in(3)) request.aws = AwsCall{one_of({"ce", "ce", "iam", ""}), one_of({"GetX", "GetX", "ListX", ""}), {}};
    if (!once_in(3)) request.git = GitCall{.updates = std::vector<GitCall::Update>()};
    for (std::size_t n = below(3); request.git && n > 0; --n)
      request.git->updates->push_back({one_of({"refs/heads/x", "refs/heads/X", "refs/heads/y"})});
    return request;
  }

  Facts facts() {
    Facts facts;
    facts.now = test_time();
    facts.layer = once_in(3) ? Layer::kHttp : static_cast<Layer>(below(4));
    static const Port kPorts[] = {kHttpsPort, kHttpsPort, kHttpPort, Port{8443}, Port{22}, Port{0}};
    if (facts.layer != Layer::kDns) facts.port = kPorts[below(std::size(kPorts))];
    static const char* kAddresses[] = {"93.184.216.34", "93.184.216.1", "93.1.1.1", "2600:9000::1", "1.1.1.1"};
    const bool literal = (facts.layer == Layer::kL4 || facts.layer == Layer::kHttp) && once_in(4);
    if (literal) {
      facts.destination = *IpAddress::parse(kAddresses[below(std::size(kAddresses))]);
    } else {
      facts.host = *HostName::parse(name());
    }
    facts.ech = facts.layer == Layer::kTls && once_in(8);
    if (facts.layer == Layer::kHttp && !once_in(10)) facts.request = std::make_shared<RequestFacts>(request());
    return facts;
  }

 private:
  std::mt19937 engine_;
};

LoadOutcome load_all(const std::vector<NaivePolicy>& policies) {
  std::vector<SourceText> sources;
  for (const NaivePolicy& policy : policies)
    sources.push_back({std::to_string(sources.size()) + ".yaml", to_yaml(policy)});
  sources.push_back({"credentials.yaml", naive_credentials()});
  return load(sources, 1);
}

std::shared_ptr<const GuestPolicy> of_agent(const LoadOutcome& outcome) {
  return outcome.snapshot->for_guest(*GuestName::parse("g1"), {{"role", "agent"}});
}

/// `::/0` holds the mapped form of IPv4, and the reference knows no families: undo the brackets, and keep v4 out of v6
/// blocks.
std::vector<NaivePolicy> for_reference(std::vector<NaivePolicy> policies, const Facts& facts) {
  const auto fix = [&](std::vector<NaiveTarget>& targets) {
    for (NaiveTarget& target : targets) {
      if (target.block && target.where.starts_with('[')) target.where = target.where.substr(1, target.where.size() - 2);
    }
    std::erase_if(targets, [&](const NaiveTarget& t) {
      return t.block && facts.destination && (t.where.find(':') == std::string::npos) != facts.destination->is_v4();
    });
  };
  for (NaivePolicy& policy : policies) {
    for (NaiveRule& rule : policy.rules) fix(rule.to), fix(rule.except);
  }
  return policies;
}

TEST_CASE("invariant_2_the_fast_decision_equals_the_naive_one_on_random_policies") {
  int loaded = 0;
  int allowed = 0;
  std::vector<const char*> wanted{" with bot",
                                  " with other",
                                  "intercept",
                                  "deny request",
                                  "deny upgrade",
                                  "deny upgrade z/",
                                  "deny scheme",
                                  "action_unknown",
                                  "credential_conflict",
                                  "credential_host_mismatch",
                                  "inspection_unavailable",
                                  "foreign_credential",
                                  "token_minting",
                                  " and cookies",
                                  "would deny request"};
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Random random(seed);
    const auto policies = random.policies();
    const LoadOutcome outcome = load_all(policies);
    if (!outcome.snapshot) {
      // Only what depends on more than one rule may be refused.
      for (const Diagnostic& d : outcome.diagnostics) {
        const bool expected = d.severity == Severity::kWarning || d.code == "E0209" || d.code == "E0208" ||
                              d.code == "E0108" || d.code == "E0216" || d.code == "E0214";
        CHECK_MESSAGE(expected, d.to_string());
      }
      continue;
    }
    ++loaded;
    const auto policy = of_agent(outcome);
    for (int i = 0; i < 25; ++i) {
      const Facts facts = random.facts();
      const std::string expected = naive_answer(for_reference(policies, facts), facts);
      const std::string got = answer(decide(*policy, facts));
      if (got != expected) {
        std::string texts;
        for (const auto& p : policies) texts += to_yaml(p) + "---\n";
        FAIL("seed " << seed << " " << label(facts.layer) << " "
                     << (facts.host ? facts.host->text() : facts.destination->to_string()) << ":"
                     << static_cast<unsigned>(facts.port) << "\n expected " << expected << "\n got      " << got << "\n"
                     << texts);
      }
      if (got.starts_with("allow")) ++allowed;
      std::erase_if(wanted, [&](const char* words) { return got.contains(words); });
    }
  }
  CHECK(loaded > 800);
  CHECK(allowed > loaded);  // the sample is not only denials
  for (const char* words : wanted) FAIL_CHECK("never seen: " << std::string(words));
}

TEST_CASE("the_order_of_files_and_rules_never_matters") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Random random(seed);
    auto policies = random.policies();
    const LoadOutcome straight = load_all(policies);
    auto shuffled_policies = policies;
    random.shuffle(shuffled_policies);
    for (auto& policy : shuffled_policies) {
      random.shuffle(policy.rules);
      for (auto& rule : policy.rules) random.shuffle(rule.to), random.shuffle(rule.except);
    }
    const LoadOutcome shuffled = load_all(shuffled_policies);
    REQUIRE(static_cast<bool>(straight.snapshot) == static_cast<bool>(shuffled.snapshot));
    if (!straight.snapshot) continue;
    const auto one = of_agent(straight);
    const auto other = of_agent(shuffled);
    for (int i = 0; i < 25; ++i) {
      const Facts facts = random.facts();
      CAPTURE(seed);
      CHECK(answer(decide(*one, facts)) == answer(decide(*other, facts)));
    }
  }
}

TEST_CASE("explain_and_decide_agree_on_which_rules_match") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Random random(seed);
    const LoadOutcome outcome = load_all(random.policies());
    if (!outcome.snapshot) continue;
    const auto policy = of_agent(outcome);
    for (int i = 0; i < 15; ++i) {
      const Facts facts = random.facts();
      const Explanation explanation = explain(*policy, facts);
      const Decision& decision = explanation.decision;
      CAPTURE(seed);
      CHECK(answer(decision) == answer(decide(*policy, facts)));
      const bool named = decision.rule && decision.rule->rule != "ceiling" && decision.rule->rule != "audit-mode";
      if (!named) continue;
      CHECK(std::ranges::any_of(
          explanation.rules, [&](const RuleTrace& t) { return t.rule == decision.rule && t.match != Match::kNearly; }));
    }
  }
}

TEST_CASE("the_cost_of_a_decision_does_not_depend_on_the_number_of_rules") {
  const auto made = [](int rules) {
    std::string allow;
    for (int i = 0; i < rules; ++i) {
      const std::string n = std::to_string(i);
      allow += "{name: e" + n + ", to: [n" + n + ".example.test, '*.w" + n + ".test', '**.d" + n + ".test', 'p" + n +
               "-*.in.test', 'x.*.m" + n + ".test', " + std::to_string(1 + i / 250) + "." + std::to_string(i % 250) +
               ".1.0/24:80]}, ";
    }
    return agent_policy({policy_with("allow: [" + allow + "]")});
  };
  const auto steps = [](const GuestPolicy& policy, const char* name) {
    MatchList matches;
    if (const auto address = IpAddress::parse(name)) {
      policy.compiled().addresses.find(*address, matches);
    } else {
      policy.compiled().hosts.find(*HostName::parse(name), matches);
    }
    CHECK(matches.runs.size() == 1);
    return matches.steps;
  };
  const auto few = made(5);
  const auto many = made(1000);
  for (const char* name : {"n3.example.test", "a.w3.test", "a.b.c.d3.test", "p3-a.in.test", "x.y.m3.test", "1.3.1.9"}) {
    CAPTURE(name);
    CHECK(steps(*many, name) <= steps(*few, name) + 2);  // a few more lengths of "pN-" are in use among 1,000
    CHECK(steps(*many, name) < 12);
  }
}

}  // namespace
}  // namespace enforcer::policy::test
