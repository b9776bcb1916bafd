#include "policy/explain.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

std::string explained(const GuestPolicy& policy, const char* question) {
  std::string text;
  for (const RuleTrace& trace : explain(policy, facts(question)).rules) {
    const std::string field = trace.stopper == Stopper::kNone ? "" : fmt::format(" [{}]", label(trace.stopper));
    text += fmt::format("{} {}{}{}{}\n", label(trace.match), trace.rule->rule, field, trace.detail.empty() ? "" : ": ",
                        trace.detail);
  }
  return text;
}

TEST_CASE("explain_names_the_field_that_stopped_a_rule") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: web, to: [a.test, 'a.test:80']}, {name: old, to: [a.test], expires: 2020-01-01T00:00:00Z}, "
      "{name: wide, to: ['**.acme.test'], except: [x.acme.test]}, {name: one, to: ['*.one.test']}, {name: typo, to: "
      "[github.test]}, "
      "{name: inside, to: ['us-*.in.test']}, {name: seen, to: [s.test], http: [{methods: [GET]}]}], "
      "deny: [{name: mail, to: ['a.test:25']}]")});
  CHECK(explained(*policy, "tls a.test:443") ==
        "matched web\n"
        "nearly mail [port]: names port 25, not port 443\n"
        "nearly old [expired]: its 'expires' has passed\n");
  CHECK(explained(*policy, "l4 a.test:25") ==
        "matched mail\n"
        "nearly old [port]: names port 443, not port 25\n"
        "nearly web [port]: names port 80, not port 25\n");
  CHECK(explained(*policy, "tls a.test:80") ==
        "nearly mail [port]: names port 25, not port 80\n"
        "nearly old [port]: names port 443, not port 80\n"
        "nearly web [protocol]: port 80 is for clear HTTP only\n");
  CHECK(explained(*policy, "tls x.acme.test:443") == "nearly wide [except]: 'except' names 'x.acme.test'\n");
  CHECK(explained(*policy, "tls acme.test:443") ==
        "nearly wide [host]: '**.acme.test' does not include 'acme.test' itself\n");
  CHECK(explained(*policy, "tls b.a.one.test:443") ==
        "nearly one [host]: '*' in '*.one.test' is one label; '**' is any number of them\n");
  CHECK(explained(*policy, "tls gihtub.test:443") == "nearly typo [host]: 'github.test' is spelt differently\n");
  CHECK(explained(*policy, "tls www.github.test:443") ==
        "nearly typo [host]: 'github.test' means that name only; '**.github.test' means the names below it\n");
  CHECK(explained(*policy, "tls eu-1.in.test:443") ==
        "nearly inside [host]: 'us-*.in.test' does not match the first label\n");
  CHECK(explained(*policy, "tls s.test:443") == "matched seen: needs to see requests\n");
  CHECK(explained(*policy, "tls nothing.example:443").empty());
  CHECK(explained(*policy, "dns a.test") ==
        "matched web\n"
        "nearly mail [port]: does not cover every port and request of the name\n"
        "nearly old [expired]: its 'expires' has passed\n");
}

TEST_CASE("explain_shows_stronger_rules_first_and_the_decision_is_decides") {
  const auto policy = agent_policy(
      {policy_with(
           "allow: [{name: a, to: ['*.x.test'], except: [no.x.test]}, {name: b, to: [y.x.test]}], "
           "review: [{name: r, to: ['**.x.test']}], deny: [{name: z, to: [y.x.test], http: [{methods: [PUT]}]}]"),
       guardrail_with("deny: [{name: n, to: [y.x.test]}]")});
  CHECK(explained(*policy, "tls y.x.test:443") ==
        "matched n\nmatched z: needs to see requests\nmatched r\nmatched a\nmatched b\n");
  CHECK(answer(explain(*policy, facts("tls y.x.test:443")).decision) == "deny rule g/n");
}

}  // namespace
}  // namespace enforcer::policy::test
