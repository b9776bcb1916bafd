// spec.tests, asked: what came of each, and which rules it was that decided. With the same compile() and decide() as
// traffic, as if nothing had expired: the passing of time must not make a policy unloadable.
#pragma once

#include <compare>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "policy/credential_spec.h"
#include "policy/policy_document.h"

namespace enforcer::policy {

enum class TestResult {
  kPassed,
  kFailed,
  kSkipped,  ///< it depends on what nobody looks at (graphql, mcp)
};
[[nodiscard]] std::string_view label(TestResult result);  ///< "passed", "failed", "skipped"

/// A rule by its name, which a guardrail may share with a policy.
struct RuleName {
  PolicyDocument::Kind kind = PolicyDocument::Kind::kPolicy;
  std::string name;  ///< "policy/rule"
  friend auto operator<=>(const RuleName&, const RuleName&) = default;
};

/// One entry of spec.tests, with its answer.
struct TestRun {
  std::string policy;  ///< metadata.name of the policy or guardrail that it stands in
  std::string file;
  Place place;
  std::string text;  ///< the question as written
  Action expect = Action::kDeny;
  std::string expect_rule;  ///< as written, or empty
  Action got = Action::kDeny;
  Reason reason = Reason::kInternal;
  std::string rule;  ///< "policy/rule" that decided, or empty
  TestResult result = TestResult::kPassed;
  std::string message;  ///< failed, skipped: why, in one line
  /// Those that the answer is made of: the one that decided, the allow beside a review, and the ceilings that an allow
  /// was found below. A rule about some requests is not reached by a test that asks about a connection.
  std::vector<RuleName> reached;
};

/// The tests of one document, in their order, asked together with the given guardrails. Every credential that is named
/// is among `credentials`.
[[nodiscard]] std::vector<TestRun> run_tests(const std::shared_ptr<const PolicyDocument>& document,
                                             std::span<const std::shared_ptr<const PolicyDocument>> guardrails,
                                             const std::shared_ptr<const Credentials>& credentials);

/// One rule, and how many tests reached it.
struct RuleReach {
  RuleName rule;
  std::string place;  ///< "file:line"
  RuleList list = RuleList::kDeny;
  std::size_t tests = 0;
};

/// Every rule of the documents, sorted by kind, policy and rule.
[[nodiscard]] std::vector<RuleReach> reach_of(std::span<const std::shared_ptr<const PolicyDocument>> documents,
                                              std::span<const TestRun> runs);

}  // namespace enforcer::policy
