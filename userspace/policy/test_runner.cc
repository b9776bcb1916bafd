// spec.tests, evaluated with the same compile() and decide() as traffic.
#include <fmt/format.h>

#include "policy/aws_call.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/document_checks.h"
#include "policy/git_call.h"

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

Decision ask_request(const GuestPolicy& policy, const PolicyTest& test, const RequestFacts& request) {
  Facts facts = facts_of(test, Layer::kHttp);
  facts.request = std::make_shared<RequestFacts>(request);
  if (asks_about_aws(policy, facts)) add_aws_call(facts, "");
  if (!request.git && asks_about_git(policy, facts) != GitInterest::kNothing) add_git_call(facts, std::nullopt);
  return decide(policy, facts);
}

/// What would become of the connection or request: its first denial, or the last word.
Decision outcome(const GuestPolicy& policy, const PolicyTest& test) {
  const Decision opened = decide(policy, facts_of(test, Layer::kL4));
  if (!opened.allowed() || opened.handling == Handling::kOpaque) return opened;
  const bool clear =
      test.request ? test.request->transport == RequestFacts::Transport::kClear : test.port == kHttpPort || !test.host;
  if (!clear) {
    const Decision hello = decide(policy, facts_of(test, Layer::kTls));
    const bool decides = !hello.allowed() || hello.handling == Handling::kPassthrough || !test.request;
    return decides ? hello : ask_request(policy, test, *test.request);
  }
  return test.request ? ask_request(policy, test, *test.request) : decide(policy, facts_of(test, Layer::kHttp));
}

/// Of a connection: what all its requests come to.
Action said(const Decision& decision) {
  return decision.reason == Reason::kReview ? Action::kReview : decision.action;
}

bool is_named(const RuleInfo* rule, std::string_view wanted) {
  return rule && (wanted == rule->rule || wanted == full_name(rule));
}

}  // namespace

void run_tests(const std::shared_ptr<const PolicyDocument>& document,
               std::span<const std::shared_ptr<const PolicyDocument>> guardrails,
               const std::shared_ptr<const Credentials>& credentials, Reader& reader) {
  if (document->tests.empty()) return;
  std::vector<std::shared_ptr<const PolicyDocument>> applying(guardrails.begin(), guardrails.end());
  auto enforced = std::make_shared<PolicyDocument>(*document);
  enforced->audit = false;  // a test asks what the policy says, not what audit mode makes of it
  applying.push_back(std::move(enforced));
  const GuestPolicy policy(compile(std::move(applying), credentials, 0));
  for (const PolicyTest& test : document->tests) {
    const Decision decision = outcome(policy, test);
    if (decision.reason == Reason::kInspectionUnavailable) continue;
    const std::string by = decision.rule ? fmt::format(" by {}", full_name(decision.rule)) : "";
    if (said(decision) != test.expect) {
      reader.report(test.place, Code::kTestFailed,
                    fmt::format("'{}' expects {}, but gets {}{} ({})", test.text, label(test.expect),
                                label(said(decision)), by, description(decision.reason)));
    } else if (!test.rule.empty() && !is_named(decision.rule, test.rule)) {
      reader.report(test.place, Code::kTestFailed,
                    fmt::format("'{}' expects rule {}, but it is decided{}", test.text, test.rule,
                                by.empty() ? " by no rule" : by));
    }
  }
}

}  // namespace enforcer::policy
