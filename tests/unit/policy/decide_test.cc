#include "policy/decide.h"

#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/compile.h"

namespace enforcer::policy::test {
namespace {

TEST_CASE("invariant_2_nothing_is_allowed_without_a_rule_that_says_so") {
  const char* questions[] = {"dns a.test", "l4 a.test:443", "tls a.test:443", "http a.test:80", "l4 93.184.216.34:443"};
  SUBCASE("no policy at all") {
    const auto policy = Snapshot::deny_everything(7)->for_guest(*GuestName::parse("g"), {});
    CHECK(policy->generation() == 7);
    CHECK_FALSE(policy->selected());
    for (const char* question : questions) CHECK(answer(*policy, question) == "deny no_policy");
  }
  SUBCASE("a policy that selects somebody else") {
    const auto policy =
        must_load({policy_with("allow: [{name: r, to: [a.test]}]")})->for_guest(*GuestName::parse("g"), {});
    for (const char* question : questions) CHECK(answer(*policy, question) == "deny no_policy");
  }
  for (const char* spec : {"allow: []", "deny: []", "review: []", "limits: {connections: 3}"}) {
    CAPTURE(spec);
    const auto policy = agent_policy({policy_with(spec)});
    check(*policy, {{"dns a.test", "deny dns_name"},
                    {"l4 a.test:443", "deny name"},
                    {"tls a.test:443", "deny name"},
                    {"http a.test:80", "deny name"},
                    {"l4 93.184.216.34:443", "deny address"}});
  }
  SUBCASE("the positive control") {
    check(*agent_policy({policy_with("allow: [{name: r, to: [a.test]}]")}),
          {{"tls a.test:443", "allow passthrough p/r"}});
  }
}

TEST_CASE("invariant_2_unknown_means_deny") {
  const auto policy = agent_policy({policy_with("allow: [{name: r, to: [a.test, '93.184.216.0/24:8080']}]")});
  check(*policy, {{"tls a.test:443", "allow passthrough p/r"},  // the control
                  {"ech a.test:443", "allow intercept p/r"},    // what is inside will say for which name it is
                  {"tls 93.184.216.34:8080", "deny tls_nosni"},
                  {"http 93.184.216.34:8080", "allow passthrough p/r"},
                  {"l4 a.test:0", "deny port"}});
  Facts nothing;
  nothing.layer = Layer::kL4;
  nothing.port = kHttpsPort;
  CHECK(answer(decide(*policy, nothing)) == "deny address_not_issued");
  nothing.layer = Layer::kDns;
  CHECK(answer(decide(*policy, nothing)) == "deny name_invalid");
}

TEST_CASE("a_rule_without_a_port_means_443_in_allow_and_every_port_elsewhere") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: plain, to: [ok.test]}, {name: web, to: ['ok.test:80', 'ok.test:8443']}, "
                   "{name: any, to: ['any.test:*']}], deny: [{name: no, to: [x.any.test, 'any.test:25']}]")});
  check(*policy, {{"l4 ok.test:443", "allow classify p/plain"},
                  {"tls ok.test:443", "allow passthrough p/plain"},
                  {"http ok.test:443", "deny port"},
                  {"l4 ok.test:80", "allow classify p/web"},
                  {"http ok.test:80", "allow passthrough p/web"},
                  {"tls ok.test:80", "deny port"},
                  {"tls ok.test:8443", "allow passthrough p/web"},
                  {"http ok.test:8443", "allow passthrough p/web"},
                  {"l4 ok.test:22", "deny port"},
                  {"l4 ok.test:25", "deny port"},
                  {"l4 any.test:22", "allow classify p/any"},
                  {"l4 any.test:25", "deny rule p/no"},
                  {"tls any.test:443", "allow passthrough p/any"},
                  {"http any.test:443", "deny port"},
                  {"l4 any.test:0", "deny port"},
                  {"l4 x.any.test:1234", "deny rule p/no"},
                  {"dns x.any.test", "deny rule p/no"},
                  {"dns any.test", "allow p/any"}});
}

TEST_CASE("deny_beats_review_beats_allow_whatever_is_narrower") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: wide, to: ['**.acme.test'], broad: true}, {name: exact, to: [a.acme.test]}], "
      "review: [{name: ask, to: ['*.acme.test']}], "
      "deny: [{name: closed, to: ['**.acme.test'], except: [jira.acme.test, b.c.acme.test, a.acme.test]}]")});
  check(*policy, {{"tls x.acme.test:443", "deny rule p/closed"},
                  {"dns x.acme.test", "deny rule p/closed"},
                  {"tls jira.acme.test:443", "allow intercept p/ask"},
                  {"l4 jira.acme.test:443", "allow classify p/wide"},
                  {"dns jira.acme.test", "allow p/wide"},
                  {"tls b.c.acme.test:443", "allow passthrough p/wide"},
                  {"https a.acme.test:443 GET /", "review passthrough review p/ask"},
                  {"tls a.acme.test:443", "allow intercept p/ask"}});
}

TEST_CASE("an_opaque_rule_is_settled_before_the_first_byte") {
  const std::string db =
      policy_with("allow: [{name: db, to: ['db.test:5432', '10.1.0.0/16:6379'], protocol: tcp, private: true}]");
  check(*agent_policy({db}), {{"l4 db.test:5432", "allow opaque p/db"},
                              {"l4 db.test:443", "deny port"},
                              {"l4 10.1.2.3:6379", "allow opaque p/db"},
                              {"l4 10.2.0.0:6379", "deny address"},
                              {"tls db.test:5432", "allow passthrough p/db"}});
  CHECK(decide(*agent_policy({db}), facts("l4 db.test:5432")).rule->private_destination);
  check(*agent_policy({db, policy_with("review: [{name: ask, to: ['db.test']}]", "q")}),
        {{"l4 db.test:5432", "deny review_unavailable q/ask"}});
  check(*agent_policy({db, guardrail_with("deny: [{name: no, to: ['db.test'], http: [{methods: [PUT]}]}]")}),
        {{"l4 db.test:5432", "deny inspection_unavailable g/no"}});
  check(*agent_policy({policy_with("review: [{name: ask, to: ['db.test:5432'], protocol: tcp}]")}),
        {{"l4 db.test:5432", "deny review_unavailable p/ask"}, {"dns db.test", "allow p/ask"}});
  check(*agent_policy({db, policy_with("allow: [{name: also, to: ['db.test:5432'], http: [{methods: [GET]}]}]", "q")}),
        {{"l4 db.test:5432", "allow opaque p/db"}});  // allows are ORed over policies
}

TEST_CASE("expired_rules_match_nothing") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: old, to: [a.test], expires: 2026-01-01T00:00:00Z}, "
                                "{name: new, to: [b.test], expires: '2026-01-01T00:00:01Z'}, {name: c, to: [c.test]}], "
                                "deny: [{name: lifted, to: [c.test], expires: 2025-12-31T00:00:00Z}]")});
  check(*policy, {{"tls a.test:443", "deny name"},
                  {"dns a.test", "deny dns_name"},
                  {"tls b.test:443", "allow passthrough p/new"},
                  {"tls c.test:443", "allow passthrough p/c"}});
}

TEST_CASE("guardrails_apply_to_every_guest_and_no_policy_undoes_them") {
  const std::string guard = guardrail_with(
      "deny: [{name: bad, to: ['**.evil.test', '93.184.216.0/24']}], review: [{name: ask, to: [r.test]}], "
      "ceiling: [{name: ours, to: ['**.ok.test', r.test, '**.evil.test']}]");
  const std::string wide = policy_with(
      "allow: [{name: all, to: ['**:*'], broad: true}, {name: net, to: ['0.0.0.0/0:*'], broad: true}], "
      "deny: [{name: also-bad, to: [x.evil.test, d.test]}]",
      "a");
  check(*agent_policy({guard, wide}),
        {{"tls a.ok.test:443", "allow passthrough a/all"},
         {"tls x.evil.test:443", "deny rule g/bad"},  // a guardrail is named before a policy
         {"dns x.evil.test", "deny rule g/bad"},
         {"tls d.test:443", "deny rule a/also-bad"},
         {"tls r.test:443", "allow intercept g/ask"},
         {"dns other.test", "deny rule g/ceiling"},
         {"l4 other.test:443", "deny rule g/ceiling"},
         {"tls other.test:443", "deny rule g/ceiling"},
         {"l4 93.184.216.34:8080", "deny rule g/bad"},
         {"l4 8.8.8.8:8080", "deny rule g/ceiling"}});
  const auto unselected = must_load({guard, wide})->for_guest(*GuestName::parse("g2"), {});
  check(*unselected, {{"tls a.ok.test:443", "deny no_policy"}, {"tls x.evil.test:443", "deny rule g/bad"}});
}

TEST_CASE("a_guardrails_review_only_takes_away") {
  check(
      *agent_policy(
          {guardrail_with("review: [{name: ask, to: [r.test]}]"), policy_with("allow: [{name: a, to: [a.test]}]")}),
      {{"dns r.test", "deny dns_name"}, {"tls r.test:443", "deny name"}, {"tls a.test:443", "allow passthrough p/a"}});
}

TEST_CASE("an_empty_ceiling_allows_nothing_and_a_ceiling_of_requests_waits_for_them") {
  const std::string allow =
      policy_with("allow: [{name: a, to: [a.test]}, {name: t, to: ['t.test:22'], protocol: tcp}]");
  check(*agent_policy({guardrail_with("ceiling: []"), allow}), {{"tls a.test:443", "deny rule g/ceiling"}});
  check(*agent_policy({guardrail_with("ceiling: [{name: c, to: ['**'], http: [{methods: [GET]}]}]"), allow}),
        {{"l4 a.test:443", "allow classify p/a"},
         {"tls a.test:443", "allow intercept p/a"},
         {"https a.test:443", "allow passthrough p/a"},
         {"https a.test:443 POST /", "deny rule g/ceiling"},
         {"l4 t.test:22", "deny inspection_unavailable g/ceiling"}});
  check(*agent_policy({guardrail_with("ceiling: [{name: c, to: [a.test, t.test]}]", "g"),
                       guardrail_with("ceiling: [{name: c, to: [t.test]}]", "h"), allow}),
        {{"tls a.test:443", "deny rule h/ceiling"}, {"l4 t.test:22", "allow opaque p/t"}});
}

TEST_CASE("audit_mode_says_what_it_would_have_done_and_guardrails_still_deny") {
  const std::string audit = policy_with(
      "mode: audit, allow: [{name: a, to: [a.test]}], deny: [{name: d, to: [d.test]}], "
      "review: [{name: r, to: [r.test]}]");
  const auto policy = agent_policy({audit, guardrail_with("deny: [{name: bad, to: ['**.evil.test']}]")});
  CHECK(policy->compiled().audit);
  check(*policy, {{"tls a.test:443", "allow passthrough p/a"},
                  {"dns x.test", "allow audit_mode p/audit-mode would deny dns_name"},
                  {"l4 x.test:22", "allow classify audit_mode p/audit-mode would deny name"},
                  {"tls d.test:443", "allow passthrough audit_mode p/audit-mode would deny rule p/d"},
                  {"tls r.test:443", "allow intercept p/r"},
                  {"https r.test:443 GET /", "allow passthrough audit_mode p/audit-mode would review review p/r"},
                  {"http x.test:80", "allow passthrough audit_mode p/audit-mode would deny name"},
                  {"tls x.evil.test:443", "deny rule g/bad"},
                  {"ech x.test:443", "allow intercept audit_mode p/audit-mode would deny name"},
                  {"tls 93.184.216.34:443", "deny tls_nosni"}});
  check(*agent_policy({audit, guardrail_with("ceiling: [{name: c, to: [a.test]}]")}),
        {{"tls x.test:443", "deny rule g/ceiling"}});
  const auto both = agent_policy({audit, policy_with("allow: [{name: e, to: [e.test]}]", "z")});
  CHECK_FALSE(both->compiled().audit);  // enforce beats audit
  check(*both, {{"tls x.test:443", "deny name"},
                {"tls a.test:443", "allow passthrough p/a"},
                {"tls e.test:443", "allow passthrough z/e"}});
}

TEST_CASE("the_named_rule_is_the_lexically_first_and_private_space_is_not_hidden_by_it") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: z, to: [a.test]}, {name: b, to: ['*.test', a.test], broad: true}]", "q"),
       policy_with("allow: [{name: y, to: [a.test]}]", "r"), policy_with("allow: [{name: x, to: [n.test]}]", "s"),
       policy_with("allow: [{name: y, to: [n.test], private: true}]", "t")});
  check(*policy, {{"tls a.test:443", "allow passthrough q/b"}, {"tls n.test:443", "allow passthrough t/y"}});
}

TEST_CASE("an_allowed_name_must_not_lead_to_an_address_that_is_denied") {
  const std::string policy_text = policy_with(
      "allow: [{name: a, to: ['a.test:*', 'ok.test:*']}], "
      "deny: [{name: net, to: ['93.184.216.0/24'], except: [ok.test]}, {name: p25, to: ['8.8.8.8:25']}], "
      "review: [{name: ask, to: ['9.9.9.9']}]");
  const auto policy = agent_policy({policy_text});
  const auto asked = [&](const GuestPolicy& p, const char* question, const char* address) {
    const auto denial = deny_address(p, facts(question), *IpAddress::parse(address));
    return denial ? answer(*denial) : "none";
  };
  CHECK(asked(*policy, "tls a.test:443", "93.184.216.34") == "deny rule p/net");
  CHECK(asked(*policy, "tls ok.test:443", "93.184.216.34") == "none");
  CHECK(asked(*policy, "tls a.test:443", "8.8.8.8") == "none");
  CHECK(asked(*policy, "l4 a.test:25", "8.8.8.8") == "deny rule p/p25");
  CHECK(asked(*policy, "tls a.test:443", "9.9.9.9") == "deny review_unavailable p/ask");
  CHECK(asked(*policy, "tls a.test:443", "1.1.1.1") == "none");
  const std::string audit = policy_with("mode: audit, deny: [{name: net, to: ['93.184.216.0/24']}]");
  CHECK(asked(*agent_policy({audit}), "tls a.test:443", "93.184.216.34") == "none");
  CHECK(asked(*agent_policy({audit, guardrail_with("deny: [{name: net, to: ['93.184.0.0/16']}]")}), "tls a.test:443",
              "93.184.216.34") == "deny rule g/net");
}

}  // namespace
}  // namespace enforcer::policy::test
