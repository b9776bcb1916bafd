// What document_checks.cc must not say: the neighbours of the refusals in broken/.
#include <doctest/doctest.h>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

std::string codes(const std::string& spec) {
  std::string all;
  for (const SourceText& source : {SourceText{"p.yaml", policy_with(spec) + "---\n" + credential("bot", "a.test")}}) {
    for (const Diagnostic& diagnostic : load({&source, 1}, 1).diagnostics) all += diagnostic.code + " ";
  }
  return all;
}

TEST_CASE("an_allow_that_a_deny_covers_only_in_part_is_no_error") {
  CHECK(codes("allow: [{name: a, to: [x.a.test]}], deny: [{name: d, to: ['*.a.test']}]") == "E0209 ");  // the control
  for (const char* deny :
       {"{name: d, to: ['*.a.test:80']}", "{name: d, to: ['*.a.test'], except: [x.a.test]}",
        "{name: d, to: ['*.a.test'], except: ['**.test']}", "{name: d, to: ['*.a.test'], http: [{methods: [PUT]}]}",
        "{name: d, to: ['*.a.test'], expires: 2030-01-01T00:00:00Z}", "{name: d, to: [y.a.test]}"}) {
    CAPTURE(deny);
    CHECK(codes("allow: [{name: a, to: [x.a.test]}], deny: [" + std::string(deny) + "]") == "");
  }
  CHECK(codes("allow: [{name: a, to: [x.a.test, b.test]}], deny: [{name: d, to: ['*.a.test']}]") == "");
  CHECK(codes("allow: [{name: a, to: ['**.a.test', a.test]}], deny: [{name: d, to: ['*.a.test']}]") == "");
}

TEST_CASE("an_allow_is_not_refused_because_of_somebody_elses_guardrail") {
  const SourceText texts[] = {{"p.yaml", policy_with("allow: [{name: a, to: [a.test]}]")},
                              {"g.yaml", guardrail_with("deny: [{name: d, to: [a.test]}]")}};
  CHECK(load(texts, 1).snapshot);  // otherwise a new guardrail could not be loaded until every policy is rewritten
}

TEST_CASE("opaque_rules_beside_others_on_another_port_or_host_are_no_error") {
  CHECK(codes("allow: [{name: a, to: [a.test]}, {name: t, to: ['a.test:443'], protocol: tcp}]") ==
        "E0208 ");  // the control
  CHECK(codes("allow: [{name: a, to: [a.test]}, {name: t, to: ['a.test:22', 'b.test:443'], protocol: tcp}]") == "");
  CHECK(codes("allow: [{name: t, to: ['a.test:22'], protocol: tcp}, {name: u, to: ['a.test:*'], protocol: tcp}]") ==
        "");
  CHECK(codes("allow: [{name: t, to: ['a.test:22'], protocol: tcp}], deny: [{name: d, to: ['a.test:443']}]") == "");
}

TEST_CASE("opaque_wildcards_are_limited_because_each_is_compared_with_each") {
  const auto spec = [](int count) {
    std::string targets;
    for (int i = 0; i < count; ++i) targets += "'x-*.n" + std::to_string(i) + ".test:22', ";
    return "allow: [{name: t, protocol: tcp, to: [" + targets + "]}]";
  };
  CHECK(codes(spec(1000)) == "");
  CHECK(codes(spec(1001)) == "E0105 ");
}

TEST_CASE("lints_keep_quiet_where_there_is_nothing_to_say") {
  CHECK(codes("allow: [{name: a, to: ['**.a.test', a.test]}]") == "");
  CHECK(codes("allow: [{name: a, to: ['**.a.test']}], deny: [{name: d, to: [a.test]}]") == "");
  CHECK(codes("allow: [{name: a, to: ['x-*.a.test', 'b.*.a.test']}]") == "");
  CHECK(codes("allow: [{name: a, to: [acme.github.io], http: [{methods: [GET]}]}]") == "");
  CHECK(codes("allow: [{name: a, to: [a.test]}, {name: b, to: [b.test], http: [{methods: [GET]}]}]") == "");
  CHECK(codes("allow: [{name: a, to: [a.test]}, {name: b, to: [a.test], http: [{methods: [GET]}], credential: bot}]") ==
        "");
  CHECK(codes("allow: [{name: a, to: ['93.184.216.0/24:8080', '93.184.217.7:22']}]") == "");
  CHECK(codes("allow: [{name: a, to: ['**.a.test', a.test], except: ['x*.a.test', '*.b.a.test']}]") == "");
}

TEST_CASE("tests_are_asked_together_with_the_guardrails_and_as_if_nothing_had_expired") {
  const std::string policy = policy_with(
      "allow: [{name: a, to: [a.test], expires: 2020-01-01T00:00:00Z}], tests: [{connect: 'a.test:443', expect: "
      "allow}]");
  const SourceText texts[] = {{"p.yaml", policy}, {"g.yaml", guardrail_with("deny: [{name: d, to: [a.test]}]")}};
  CHECK(load({texts, 1}, 1).snapshot);
  const LoadOutcome outcome = load(texts, 1);
  CHECK_FALSE(outcome.snapshot);
  REQUIRE(outcome.diagnostics.size() == 1);
  CHECK(outcome.diagnostics[0].message ==
        "'a.test:443' expects allow, but gets deny by g/d (a rule of the policy says so)");
  const std::string audit = policy_with("mode: audit, tests: [{connect: 'a.test:443', expect: deny}]");
  CHECK(problems(audit).empty());  // a test asks what the policy says, not what audit mode makes of it
}

}  // namespace
}  // namespace enforcer::policy::test
