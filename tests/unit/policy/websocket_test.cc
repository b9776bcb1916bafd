// `websocket: true`: what a rule lets through may become something that no rule can be asked about any more.
#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/credential_spec.h"
#include "policy/explain.h"

namespace enforcer::policy::test {
namespace {

TEST_CASE("only_a_rule_that_says_so_lets_a_websocket_through") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: chat, to: [c.test, 'c.test:80'], websocket: true}, {name: api, to: [a.test, "
                   "'a.test:80'], http: [{methods: [GET]}]}, {name: some, to: [s.test], http: [{paths: ['/ws']}], "
                   "websocket: true}, {name: rest, to: [s.test]}, {name: bot, to: [b.test], credential: bot, "
                   "websocket: true}, {name: no, to: [n.test], http: [{paths: ['/**']}], websocket: false}]"),
       credential("bot", "'b.test:*'")});
  check(*policy, {{"wss c.test:443", "allow passthrough p/chat"},
                  {"ws c.test:80", "allow passthrough p/chat"},
                  {"https c.test:443", "allow passthrough p/chat"},
                  {"wss a.test:443", "deny upgrade"},
                  {"ws a.test:80", "deny upgrade"},
                  {"https a.test:443", "allow passthrough p/api"},
                  {"wss a.test:443 POST /", "deny request"},
                  {"wss n.test:443", "deny upgrade"},
                  {"wss s.test:443 GET /ws", "allow passthrough p/some"},
                  {"wss s.test:443 GET /", "deny upgrade"},  // `rest` fails for this alone
                  {"https s.test:443 GET /", "allow passthrough p/rest"},
                  {"wss b.test:443", "allow passthrough p/bot with bot"},
                  {"wss other.test:443", "deny name"}});
}

TEST_CASE("tls_is_intercepted_where_a_rule_allows_websockets_and_nowhere_else") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: chat, to: [c.test], websocket: true}, {name: open, to: "
                                "[o.test]}]")});
  check(*policy, {{"tls c.test:443", "allow intercept p/chat"},
                  {"tls o.test:443", "allow passthrough p/open"},  // unseen, so that a WebSocket inside is unseen too
                  {"dns c.test", "allow p/chat"},
                  {"l4 c.test:443", "allow classify p/chat"}});
}

TEST_CASE("denies_and_ceilings_mean_websockets_like_any_request") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: chat, to: [c.test, d.test, e.test], websocket: true}], deny: [{name: no-admin, to: "
                   "[c.test], http: [{paths: ['/admin/**']}]}]"),
       guardrail_with("deny: [{name: shut, to: [d.test]}], ceiling: [{name: reads, to: [c.test, d.test], http: "
                      "[{methods: [GET]}]}]")});
  check(*policy, {{"wss c.test:443 GET /", "allow passthrough p/chat"},
                  {"wss c.test:443 GET /admin/x", "deny rule p/no-admin"},
                  {"wss c.test:443 CONNECT /", "deny rule g/ceiling"},
                  {"wss d.test:443", "deny rule g/shut"},
                  {"wss e.test:443", "deny rule g/ceiling"}});
}

TEST_CASE("asking_for_a_websocket_is_no_way_around_a_review") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: chat, to: [c.test, d.test, e.test, g.test], websocket: true}], review: "
                                "[{name: ask, to: [c.test, r.test]}, {name: ask-ws, to: [d.test, w.test], websocket: "
                                "true}, {name: unseen, to: [e.test], mcp: {}}]"),
                    guardrail_with("review: [{name: eyes, to: [g.test]}]")});
  check(*policy, {{"https c.test:443", "review passthrough review p/ask"},
                  {"wss c.test:443", "deny upgrade p/ask"},
                  {"wss d.test:443", "review passthrough review p/ask-ws"},
                  {"wss w.test:443", "review passthrough review p/ask-ws"},
                  {"wss r.test:443", "deny upgrade"},  // no allow
                  {"wss e.test:443", "deny upgrade p/unseen"},
                  {"wss g.test:443", "deny upgrade g/eyes"}});
  const auto by_address = agent_policy({policy_with(
      "allow: [{name: chat, to: [c.test], websocket: true}], review: [{name: block, to: ['93.184.216.0/24']}]")});
  const auto denial = deny_address(*by_address, facts("wss c.test:443"), *IpAddress::parse("93.184.216.34"));
  REQUIRE(denial.has_value());
  CHECK(answer(*denial) == "deny upgrade p/block");
}

TEST_CASE("audit_mode_blocks_no_websocket_but_for_guardrails") {
  const auto policy = agent_policy({policy_with("mode: audit, allow: [{name: api, to: [a.test]}]"),
                                    guardrail_with("review: [{name: eyes, to: [g.test]}]")});
  check(*policy, {{"wss a.test:443", "allow passthrough audit_mode p/audit-mode would deny upgrade"},
                  {"wss g.test:443", "deny upgrade g/eyes"}});
}

TEST_CASE("explain_says_that_the_rule_does_not_allow_websockets") {
  const auto policy =
      agent_policy({policy_with("allow: [{name: api, to: [a.test]}], review: [{name: ask, to: [a.test]}]")});
  const auto rules = explain(*policy, facts("wss a.test:443")).rules;
  REQUIRE(rules.size() == 2);
  CHECK((rules[0].rule->rule == "ask" && rules[0].match == Match::kMatched));
  CHECK((rules[1].rule->rule == "api" && label(rules[1].stopper) == "upgrade"));
  for (const RuleTrace& rule : rules)
    CHECK(rule.detail == "the request asks for a WebSocket, and the rule does not say 'websocket: true'");
}

TEST_CASE("a_policys_own_tests_may_ask_for_a_websocket") {
  const std::string policy =
      "allow: [{name: chat, to: [c.test], websocket: true}, {name: api, to: [a.test], http: "
      "[{methods: [GET]}]}], tests: ";
  const std::string asked = "headers: {Upgrade: websocket}";
  CHECK(problems(policy_with(policy + "[{request: 'GET https://c.test/', " + asked +
                             ", expect: allow, rule: chat}, {request: 'GET https://a.test/', " + asked +
                             ", expect: deny}, {request: 'GET https://a.test/', expect: allow}]"))
            .empty());
  for (const std::string spelt : {"websocket", "WebSocket"}) {
    const std::string question = "[{request: 'GET https://a.test/', headers: {Upgrade: " + spelt + "}, expect: allow}]";
    CHECK(problems(policy_with(policy + question))
              .contains("'GET https://a.test/' expects allow, but gets deny (protocol upgrade or tunnel inside HTTP)"));
  }
}

TEST_CASE("a_rule_for_websockets_does_not_make_others_pointless_nor_is_it_a_limit") {
  const auto warns = [](const std::string& rules, const char* code) {
    return problems(policy_with("allow: [" + rules + "]")).contains(code);
  };
  CHECK(warns("{name: all, to: [a.test]}, {name: some, to: [a.test], http: [{methods: [GET]}]}", "W0301"));
  CHECK(warns("{name: all, to: [a.test], websocket: true}, {name: some, to: [a.test], http: [{methods: [GET]}]}",
              "W0301"));
  CHECK_FALSE(warns("{name: all, to: [a.test]}, {name: some, to: [a.test], http: [{methods: [GET]}], websocket: true}",
                    "W0301"));
  CHECK(warns("{name: paste, to: [pastebin.com], websocket: true}", "W0302"));
}

}  // namespace
}  // namespace enforcer::policy::test
