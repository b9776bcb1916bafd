// What requests decide: at kTls whether they are to be seen, at kHttp each one of them.
#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/credential_spec.h"

namespace enforcer::policy::test {
namespace {

TEST_CASE("tls_is_intercepted_where_a_rule_speaks_about_requests_and_nowhere_else") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: some, to: [a.test], http: [{methods: [GET]}]}, {name: cred, to: [c.test], "
                   "credential: bot}, {name: open, to: [o.test, d.test, r.test, x.test, plain.test]}], "
                   "deny: [{name: no-put, to: [d.test, unlisted.test], http: [{methods: [PUT]}]}, {name: closed, to: "
                   "[x.test]}, {name: no-trace, to: [x.test], http: [{methods: [TRACE]}]}], "
                   "review: [{name: ask, to: [r.test], http: [{methods: [DELETE]}]}]"),
       credential("bot", "c.test")});
  check(*policy, {{"tls plain.test:443", "allow passthrough p/open"},
                  {"tls a.test:443", "allow intercept p/some"},
                  {"tls c.test:443", "allow intercept p/cred"},
                  {"tls d.test:443", "allow intercept p/open"},
                  {"tls r.test:443", "allow intercept p/open"},
                  {"tls x.test:443", "deny rule p/closed"},  // for certain already
                  {"tls unlisted.test:443", "deny name"},
                  {"ech plain.test:443", "allow intercept p/open"},
                  {"dns a.test", "allow p/some"},
                  {"l4 a.test:443", "allow classify p/some"}});
  check(*agent_policy({policy_with("allow: [{name: a, to: [a.test]}]"),
                       guardrail_with("ceiling: [{name: reads, to: ['**'], http: [{methods: [GET]}]}]")}),
        {{"tls a.test:443", "allow intercept p/a"},
         {"https a.test:443 GET /", "allow passthrough p/a"},
         {"https a.test:443 PUT /", "deny rule g/ceiling"}});
}

TEST_CASE("invariant_12_each_request_is_decided_on_its_own") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: issues, to: [a.test, 'a.test:80'], http: [{methods: [POST], paths: ['/i/**']}, "
                   "{methods: [GET]}]}, "
                   "{name: open, to: [o.test]}], deny: [{name: no-put, to: [o.test], http: [{methods: [PUT]}]}], "
                   "review: [{name: ask, to: [o.test], http: [{paths: ['/admin/**']}]}]")});
  check(*policy, {{"https a.test:443 GET /", "allow passthrough p/issues"},
                  {"https a.test:443 POST /i/1", "allow passthrough p/issues"},
                  {"https a.test:443 POST /j", "deny request"},
                  {"http a.test:80 GET /", "allow passthrough p/issues"},
                  {"http a.test:80 POST /j", "deny request"},
                  {"https o.test:443 GET /", "allow passthrough p/open"},
                  {"https o.test:443 PUT /", "deny rule p/no-put"},
                  {"https o.test:443 GET /admin/x", "review passthrough review p/ask"},
                  {"https o.test:443 PUT /admin/x", "deny rule p/no-put"},
                  {"https other.test:443 GET /", "deny name"}});
}

TEST_CASE("invariant_2_a_websocket_needs_a_rule_that_says_so") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: open, to: [a.test, b.test, d.test], http: [{paths: ['/**']}]}, "
                                "{name: chat, to: [a.test, d.test], http: [{paths: ['/chat']}], websocket: true}], "
                                "deny: [{name: closed, to: [d.test], http: [{paths: ['/chat']}]}]")});
  const auto ask = [&](const std::string& question) { return decide(*policy, facts(question)); };
  CHECK(ask("wss a.test:443 GET /chat").rule->rule == "chat");
  CHECK(ask("wss a.test:443 GET /chat").allowed());
  CHECK(ask("wss a.test:443 GET /other").reason == Reason::kUpgrade);
  CHECK(ask("wss b.test:443 GET /chat").reason == Reason::kUpgrade);
  CHECK(ask("wss d.test:443 GET /chat").reason == Reason::kRule);
  CHECK(ask("wss none.test:443 GET /chat").reason == Reason::kNoRule);
  check(*policy,
        {{"https a.test:443 GET /chat", "allow passthrough p/chat"}, {"tls a.test:443", "allow intercept p/chat"}});
}

TEST_CASE("requests_inside_tls_come_on_any_port_but_80_and_clear_ones_on_any_but_443") {
  const auto policy = agent_policy({policy_with("allow: [{name: a, to: ['a.test:*']}]")});
  check(*policy, {{"https a.test:443", "allow passthrough p/a"},
                  {"https a.test:8443", "allow passthrough p/a"},
                  {"https a.test:80", "deny port"},
                  {"http a.test:80", "allow passthrough p/a"},
                  {"http a.test:8443", "allow passthrough p/a"},
                  {"http a.test:443", "deny port"}});
}

TEST_CASE("inspect_never_is_kept_and_what_it_hides_denies") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: never, to: [n.test, d.test, c.test], inspect: never}, {name: part, to: [n.test], git: {repos: "
      "['a/*']}}], deny: [{name: no-put, to: [d.test], http: [{methods: [PUT]}]}]")});
  check(*policy, {{"tls n.test:443", "allow passthrough p/never"},
                  {"ech n.test:443", "deny ech_present p/never"},
                  {"tls d.test:443", "deny inspection_unavailable p/no-put"}});
  check(*agent_policy({policy_with("allow: [{name: never, to: [c.test], inspect: never}]"),
                       guardrail_with("ceiling: [{name: reads, to: [c.test], http: [{methods: [GET]}]}]")}),
        {{"tls c.test:443", "deny inspection_unavailable g/ceiling"}});
}

TEST_CASE("invariant_2_what_cannot_be_seen_or_told_never_allows_and_always_denies") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: some, to: ['g.test:*'], graphql: {operations: [query]}}, {name: open, to: [o.test, "
      "aws.test]}, "
      "{name: reads, to: [ce.test], aws: {actions: ['ce:Get*']}}], "
      "deny: [{name: tools, to: [o.test], mcp: {tools: [x]}}, {name: deletes, to: [aws.test], aws: {actions: "
      "['cloudformation:Delete*']}}]")});
  check(*policy, {{"tls g.test:443", "allow intercept p/some"},
                  {"https g.test:443 POST /graphql", "deny inspection_unavailable p/some"},
                  {"https o.test:443 GET /", "deny inspection_unavailable p/tools"},
                  {"https ce.test:443 POST /", "deny action_unknown p/reads"},
                  {"https aws.test:443 POST /", "deny action_unknown p/deletes"}});
  Facts unseen = facts("http g.test:80");
  unseen.request.reset();
  CHECK(answer(decide(*policy, unseen)) == "deny inspection_unavailable p/some");
}

TEST_CASE("an_aws_rule_of_another_service_or_action_is_known_to_differ") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: costs, to: ['ce.*.amazonaws.com'], aws: {actions: ['ce:Get*', 'ce:List*']}}, {name: rest, to: "
      "['s3.*.amazonaws.com']}], deny: [{name: deletes, to: ['**.amazonaws.com'], aws: {actions: "
      "['cloudformation:Delete*']}}]")});
  const auto ask = [&](const std::string& host, const std::string& target) {
    return answer(*policy,
                  "https " + host + ":443 POST /|content-type: application/x-amz-json-1.1|x-amz-target: " + target);
  };
  CHECK(ask("ce.us-east-1.amazonaws.com", "AWSInsightsIndexService.GetCostAndUsage") == "allow passthrough p/costs");
  CHECK(ask("ce.us-east-1.amazonaws.com", "AWSInsightsIndexService.UpdateX") == "deny request");
  CHECK(ask("ce.us-east-1.amazonaws.com", "getcost") == "deny action_unknown p/costs");
  CHECK(answer(*policy, "https s3.us-east-1.amazonaws.com:443 DELETE /b/k") == "allow passthrough p/rest");
}

TEST_CASE("a_credential_is_named_by_the_rule_that_matches_and_by_no_other") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: a-plain, to: [a.test]}, {name: push, to: [a.test], http: [{methods: [POST]}], "
                   "credential: bot}, {name: zz, to: [b.test], credential: bot}]"),
       credential("bot", "a.test, b.test")});
  check(*policy, {{"tls a.test:443", "allow intercept p/a-plain"},
                  {"https a.test:443 GET /", "allow passthrough p/a-plain"},
                  {"https a.test:443 POST /", "allow passthrough p/push with bot"},
                  {"https b.test:443 GET /", "allow passthrough p/zz with bot"}});
}

TEST_CASE("a_credential_never_goes_over_clear_http") {
  const auto policy = agent_policy(
      {policy_with(
           "allow: [{name: cred, to: ['a.test:*', 'b.test:8080'], credential: bot}, {name: open, to: ['b.test:*']}]"),
       credential("bot", "'a.test:*', 'b.test:*'")});
  check(*policy, {{"https a.test:443 GET /", "allow passthrough p/cred with bot"},
                  {"http a.test:80 GET /", "deny scheme"},
                  {"http a.test:8080 GET /", "deny scheme"},
                  {"http b.test:8080 GET /", "allow passthrough p/open"},
                  {"https b.test:8080 GET /", "allow passthrough p/cred with bot"}});
}

TEST_CASE("two_credentials_for_one_request_are_a_denial") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: one, to: [a.test], http: [{paths: ['/a/**']}], credential: bot}, {name: two, to: "
                   "[a.test], http: [{methods: [POST]}], credential: other}, {name: again, to: [a.test], http: "
                   "[{methods: [GET]}], credential: bot}]"),
       credential("bot", "a.test"), credential("other", "a.test")});
  check(*policy, {{"https a.test:443 GET /a/x", "allow passthrough p/again with bot"},
                  {"https a.test:443 POST /b", "allow passthrough p/two with other"},
                  {"https a.test:443 POST /a/x", "deny credential_conflict p/one"}});
}

TEST_CASE("invariant_6_a_policy_cannot_widen_where_a_credential_goes") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: wide, to: ['*.test:*'], broad: true, credential: bot}]"),
                    credential("bot", "a.test, 'b.test:8443'")});
  check(*policy, {{"https a.test:443 GET /", "allow passthrough p/wide with bot"},
                  {"https b.test:8443 GET /", "allow passthrough p/wide with bot"},
                  {"https a.test:8443 GET /", "deny credential_host_mismatch p/wide"},
                  {"https c.test:443 GET /", "deny credential_host_mismatch p/wide"}});
}

TEST_CASE("audit_mode_lets_requests_through_without_a_credential") {
  const auto policy = agent_policy(
      {policy_with("mode: audit, allow: [{name: get, to: [a.test], http: [{methods: [GET]}], credential: bot}]"),
       guardrail_with("deny: [{name: no-delete, to: ['**'], http: [{methods: [DELETE]}]}]"),
       credential("bot", "a.test")});
  check(*policy,
        {{"tls a.test:443", "allow intercept p/get"},
         {"https a.test:443 GET /", "allow passthrough p/get with bot"},
         {"https a.test:443 PUT /", "allow passthrough audit_mode p/audit-mode would deny request"},
         {"http a.test:80 GET /", "allow passthrough audit_mode p/audit-mode would deny port"},
         {"https a.test:443 DELETE /", "deny rule g/no-delete"},
         {"tls x.test:443", "allow intercept audit_mode p/audit-mode would deny name"}});  // the guardrail looks
  check(*agent_policy({policy_with("mode: audit, allow: []")}),
        {{"tls x.test:443", "allow passthrough audit_mode p/audit-mode would deny name"}});
}

TEST_CASE("a_decisions_credential_lives_as_long_as_the_guest_policy") {
  std::shared_ptr<const GuestPolicy> policy;
  {
    policy =
        agent_policy({policy_with("allow: [{name: a, to: [a.test], credential: bot}]"), credential("bot", "a.test")});
  }  // the snapshot is gone
  const Decision decision = decide(*policy, facts("https a.test:443"));
  REQUIRE(decision.credential);
  CHECK(decision.credential->name == "bot");
  CHECK(decision.credential->source.path == "/run/secrets/bot");
}

}  // namespace
}  // namespace enforcer::policy::test
