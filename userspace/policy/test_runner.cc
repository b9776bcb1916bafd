#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "policy/aws_call.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/git_call.h"
#include "policy/test_run.h"

namespace enforcer::policy {
namespace {

Facts facts_of(const PolicyTest& test, Layer layer) {
  Facts facts;
  facts.layer = layer;
  facts.host = test.host;
  facts.destination = test.address;
  facts.port = test.port;
  facts.now = WallClock::time_point::min();
  return facts;
}

/// The question that settles it, and its answer: what would become of the connection or request.
struct Outcome {
  Facts facts;
  Decision decision;
};

Facts request_of(const GuestPolicy& policy, const PolicyTest& test, const RequestFacts& request) {
  Facts facts = facts_of(test, Layer::kHttp);
  facts.request = std::make_shared<RequestFacts>(request);
  if (asks_about_aws(policy, facts)) add_aws_call(facts, "");
  if (!request.git && asks_about_git(policy, facts) != GitInterest::kNothing) add_git_call(facts, std::nullopt);
  return facts;
}

Outcome asked(const GuestPolicy& policy, Facts facts) {
  const Decision decision = decide(policy, facts);
  return {std::move(facts), decision};
}

/// The first denial, or the last word.
Outcome outcome(const GuestPolicy& policy, const PolicyTest& test) {
  Outcome opened = asked(policy, facts_of(test, Layer::kL4));
  if (!opened.decision.allowed() || opened.decision.handling == Handling::kOpaque) return opened;
  const bool clear =
      test.request ? test.request->transport == RequestFacts::Transport::kClear : test.port == kHttpPort || !test.host;
  if (!clear) {
    Outcome hello = asked(policy, facts_of(test, Layer::kTls));
    const bool decides =
        !hello.decision.allowed() || hello.decision.handling == Handling::kPassthrough || !test.request;
    return decides ? hello : asked(policy, request_of(policy, test, *test.request));
  }
  return asked(policy, test.request ? request_of(policy, test, *test.request) : facts_of(test, Layer::kHttp));
}

/// Of a connection: what all its requests come to.
Action said(const Decision& decision) {
  return decision.reason == Reason::kReview ? Action::kReview : decision.action;
}

bool is_named(const RuleInfo* rule, std::string_view wanted) {
  return rule && (wanted == rule->rule || wanted == full_name(rule));
}

RuleName name_of(const RuleInfo& info) {
  return {info.guardrail ? PolicyDocument::Kind::kGuardrail : PolicyDocument::Kind::kPolicy, full_name(&info)};
}

/// What the answer is made of. Of a connection whose requests are looked at, no rule about some of them was asked.
std::vector<RuleName> reached_by(const GuestPolicy& policy, const Outcome& outcome) {
  std::vector<RuleName> reached;
  // A ceiling is seen where something was allowed below it.
  const bool open = outcome.decision.allowed() || said(outcome.decision) == Action::kReview;
  const bool whole = outcome.facts.layer != Layer::kHttp || outcome.facts.request == nullptr;
  const std::vector<RuleTrace> traces = open ? explain(policy, outcome.facts).rules : std::vector<RuleTrace>();
  for (const CompiledRule& compiled : policy.compiled().rules) {
    const Rule& rule = *compiled.rule;
    if (whole && rule.has_matchers()) continue;
    const auto passed_below = [&](const RuleTrace& trace) {
      return trace.rule == &rule.info && trace.match == Match::kMatched;
    };
    const bool decided = &rule.info == outcome.decision.rule || &rule.info == outcome.decision.beside;
    if (decided || (rule.list == RuleList::kCeiling && std::ranges::any_of(traces, passed_below)))
      reached.push_back(name_of(rule.info));
  }
  return reached;
}

/// What is wrong with the answer, or empty.
std::string complaint(const PolicyTest& test, const Decision& decision) {
  const std::string by = decision.rule ? fmt::format(" by {}", full_name(decision.rule)) : "";
  if (said(decision) != test.expect) {
    return fmt::format("'{}' expects {}, but gets {}{} ({})", test.text, label(test.expect), label(said(decision)), by,
                       description(decision.reason));
  }
  if (test.rule.empty() || is_named(decision.rule, test.rule)) return {};
  return fmt::format("'{}' expects rule {}, but it is decided{}", test.text, test.rule,
                     by.empty() ? " by no rule" : by);
}

TestRun run(const GuestPolicy& policy, const PolicyDocument& document, const PolicyTest& test) {
  const Outcome answer = outcome(policy, test);
  TestRun done{.policy = document.name,
               .file = document.file,
               .place = test.place,
               .text = test.text,
               .expect = test.expect,
               .expect_rule = test.rule,
               .got = said(answer.decision),
               .reason = answer.decision.reason,
               .rule = full_name(answer.decision.rule)};
  if (answer.decision.reason == Reason::kInspectionUnavailable) {
    done.result = TestResult::kSkipped;
    done.message = description(answer.decision.reason);
    return done;
  }
  done.message = complaint(test, answer.decision);
  if (!done.message.empty()) done.result = TestResult::kFailed;
  done.reached = reached_by(policy, answer);
  return done;
}

}  // namespace

std::string_view label(TestResult result) {
  switch (result) {
    case TestResult::kPassed:
      return "passed";
    case TestResult::kFailed:
      return "failed";
    case TestResult::kSkipped:
      break;
  }
  return "skipped";
}

std::vector<TestRun> run_tests(const std::shared_ptr<const PolicyDocument>& document,
                               std::span<const std::shared_ptr<const PolicyDocument>> guardrails,
                               const std::shared_ptr<const Credentials>& credentials) {
  std::vector<TestRun> runs;
  if (document->tests.empty()) return runs;
  std::vector<std::shared_ptr<const PolicyDocument>> applying(guardrails.begin(), guardrails.end());
  auto enforced = std::make_shared<PolicyDocument>(*document);
  enforced->audit = false;  // a test asks what the policy says, not what audit mode makes of it
  applying.push_back(std::move(enforced));
  const GuestPolicy policy(compile(std::move(applying), credentials, 0));
  for (const PolicyTest& test : document->tests) runs.push_back(run(policy, *document, test));
  return runs;
}

std::vector<RuleReach> reach_of(std::span<const std::shared_ptr<const PolicyDocument>> documents,
                                std::span<const TestRun> runs) {
  std::map<RuleName, RuleReach> reaches;
  for (const auto& document : documents) {
    for (const Rule& rule : document->rules) {
      const RuleName name{document->kind, full_name(&rule.info)};
      reaches.emplace(name, RuleReach{.rule = name, .place = rule.info.place, .list = rule.list});
    }
  }
  for (const TestRun& test : runs) {
    for (const RuleName& name : test.reached) {
      if (const auto found = reaches.find(name); found != reaches.end()) ++found->second.tests;
    }
  }
  std::vector<RuleReach> all;
  for (auto& [name, reach] : reaches) all.push_back(std::move(reach));
  return all;
}

}  // namespace enforcer::policy
