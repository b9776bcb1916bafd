// spec.tests as values: what came of each, and which rules it reached.
#include "policy/test_run.h"

#include <algorithm>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

TestOutcome asked(std::initializer_list<std::string> texts) {
  std::vector<SourceText> sources;
  for (const std::string& text : texts) sources.push_back({"f" + std::to_string(sources.size()) + ".yaml", text});
  TestOutcome outcome = ask_tests(sources);
  for (const Diagnostic& diagnostic : outcome.diagnostics) {
    if (diagnostic.severity == Severity::kError) FAIL_CHECK(diagnostic.to_string());
  }
  return outcome;
}

/// "p/a:1 p/b:0"
std::string reach(const TestOutcome& outcome) {
  std::string text;
  for (const RuleReach& rule : outcome.rules)
    text += (text.empty() ? "" : " ") + rule.rule.name + ":" + std::to_string(rule.tests);
  return text;
}

TEST_CASE("a_test_reaches_the_rule_that_decides_it") {
  const auto outcome = asked({policy_with(
      "allow: [{name: a, to: [a.test]}, {name: b, to: [a.test, b.test]}], deny: [{name: d, to: [d.test]}], tests: "
      "[{connect: 'a.test:443', expect: allow, rule: a}, {connect: 'd.test:443', expect: deny, rule: p/d}]")});
  REQUIRE(outcome.tests.size() == 2);
  CHECK(outcome.tests[0].result == TestResult::kPassed);
  CHECK(outcome.tests[0].rule == "p/a");
  CHECK(reach(outcome) == "p/a:1 p/b:0 p/d:1");
}

TEST_CASE("a_failing_test_is_an_answer_and_keeps_nothing_from_being_asked") {
  const auto outcome =
      asked({policy_with("allow: [{name: a, to: [a.test]}], tests: [{connect: 'a.test:443', expect: deny}, {connect: "
                         "'a.test:443', expect: "
                         "allow, rule: other}, {connect: 'a.test:443', expect: allow}]")});
  CHECK(outcome.asked);
  REQUIRE(outcome.tests.size() == 3);
  CHECK(outcome.tests[0].result == TestResult::kFailed);
  CHECK(outcome.tests[1].message.contains("expects rule other, but it is decided by p/a"));
  CHECK(outcome.tests[2].result == TestResult::kPassed);
}

TEST_CASE("a_connection_reaches_no_rule_about_requests") {
  constexpr const char* kRules = "allow: [{name: a, to: [a.test], http: [{methods: [GET]}]}], tests: [";
  CHECK(reach(asked({policy_with(kRules + std::string("{connect: 'a.test:443', expect: allow}]"))})) == "p/a:0");
  CHECK(reach(asked({policy_with(kRules + std::string("{request: 'GET https://a.test/', expect: allow}]"))})) ==
        "p/a:1");
  CHECK(reach(asked({policy_with(kRules + std::string("{request: 'PUT https://a.test/', expect: deny}]"))})) ==
        "p/a:0");
}

TEST_CASE("a_review_reaches_the_allow_beside_it") {
  const auto outcome = asked({policy_with(
      "allow: [{name: a, to: [a.test], http: [{paths: ['/**']}]}], review: [{name: r, to: [a.test], http: [{methods: "
      "[PUT]}]}], tests: [{request: 'PUT https://a.test/', expect: review, rule: r}]")});
  CHECK(outcome.tests[0].result == TestResult::kPassed);
  CHECK(reach(outcome) == "p/a:1 p/r:1");
}

TEST_CASE("guardrails_are_reached_by_the_tests_of_policies_and_told_apart_from_them") {
  const auto outcome =
      asked({policy_with("allow: [{name: a, to: [a.test, b.test]}], tests: [{connect: 'a.test:443', expect: allow}, "
                         "{connect: 'b.test:443', expect: deny, rule: g/d}]"),
             guardrail_with("ceiling: [{name: c, to: [a.test]}, {name: e, to: [e.test]}], deny: [{name: d, to: "
                            "[b.test]}]")});
  for (const TestRun& run : outcome.tests) CHECK_MESSAGE(run.result == TestResult::kPassed, run.message);
  CHECK(reach(outcome) == "p/a:1 g/c:1 g/d:1 g/e:0");
}

TEST_CASE("what_nobody_looks_at_is_skipped") {
  const auto outcome = asked({policy_with(
      "allow: [{name: a, to: [a.test], graphql: {operations: [query]}}], tests: [{request: 'POST https://a.test/', "
      "expect: allow}]")});
  REQUIRE(outcome.tests.size() == 1);
  CHECK(outcome.tests[0].result == TestResult::kSkipped);
  CHECK(outcome.tests[0].reached.empty());
}

TEST_CASE("tests_are_not_asked_of_what_does_not_load") {
  const SourceText source{"p.yaml", policy_with("alow: [], tests: [{connect: 'a.test:443', expect: deny}]")};
  const TestOutcome outcome = ask_tests({&source, 1});
  CHECK_FALSE(outcome.asked);
  CHECK(outcome.tests.empty());
  CHECK(outcome.diagnostics.size() == 1);
}

}  // namespace
}  // namespace enforcer::policy::test
