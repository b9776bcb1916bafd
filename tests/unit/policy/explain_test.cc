#include "policy/explain.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fixture.h"
#include "policy/aws_call.h"
#include "policy/aws_question.h"
#include "policy/git_call.h"
#include "policy/request_stop.h"

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
  CHECK(explained(*policy, "tls s.test:443") == "perhaps seen: needs to see the request\n");
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
        "matched n\nmatched r\nmatched a\nmatched b\nperhaps z: needs to see the request\n");
  CHECK(answer(explain(*policy, facts("tls y.x.test:443")).decision) == "deny rule g/n");
}

TEST_CASE("explain_names_the_field_of_the_request_that_stopped_a_rule") {
  struct Case {
    std::string rule;
    const char* question;
    std::string told;
  };
  const Case cases[] = {
      {"http: [{methods: [GET, HEAD], paths: ['/repos/**']}]", "https a.test:443 DELETE /repos/a/b",
       "method: method DELETE is not in [GET, HEAD]"},
      {"http: [{methods: [GET], paths: ['/repos/**', /user]}]", "https a.test:443 GET /orgs/a",
       "path: path /orgs/a is not in [/repos/**, /user]"},
      {"http: [{methods: [GET], paths: ['/repos/**']}]", "https a.test:443 PUT /orgs",
       "request: method PUT is not in [GET] and path /orgs is not in [/repos/**]"},
      {"http: [{query: {state: open}}]", "https a.test:443 GET /?state=closed",
       "query: query state=closed does not match 'state=open'"},
      {"http: [{query: {state: open}}]", "https a.test:443 GET /?s=open", "query: no query parameter state is there"},
      {"http: [{headers: {x-version: '2*'}}]", "https a.test:443 GET /", "header: no header x-version is there"},
      // Two ways in which it could have matched, one as near as the other; the third is farther away.
      {"http: [{methods: [GET], paths: [/x]}, {methods: [PUT], paths: [/y]}, {methods: [POST], paths: [/z]}]",
       "https a.test:443 PUT /x", "request: method PUT is not in [GET]; path /x is not in [/y]"},
      {"http: [{methods: [A, B, C, D, E, F, G, H]}]", "https a.test:443 PUT /",
       "method: method PUT is not in [A, B, C, D, E, F and 2 more]"},
      {"git: {repos: [acme/w], operations: [fetch]}",
       "https a.test:443 GET /acme/w.git/info/refs?service=git-receive-pack",
       "git: git operation push is not in [fetch]"},
      {"git: {repos: [acme/w]}", "https a.test:443 GET /acme/x.git/info/refs?service=git-upload-pack",
       "git: git repository acme/x is not in [acme/w]"},
      {"git: {repos: [acme/w]}", "https a.test:443 GET /acme/w", "git: it is no request of git's smart HTTP protocol"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.question);
    const auto policy = agent_policy({policy_with("allow: [{name: r, to: [a.test], " + c.rule + "}]")});
    Facts asked = facts(c.question);
    add_git_call(asked, std::nullopt);
    const auto rules = explain(*policy, asked).rules;
    REQUIRE(rules.size() == 1);
    CHECK(rules[0].match == Match::kNearly);
    CHECK(fmt::format("{}: {}", label(rules[0].stopper), rules[0].detail) == c.told);
    CHECK(is_of_request(rules[0].stopper));
  }
}

TEST_CASE("explain_never_tells_the_value_of_a_header") {
  const auto policy = agent_policy({policy_with("allow: [{name: r, to: [a.test], http: [{headers: {x-key: '2*'}}]}]")});
  CHECK(explained(*policy, "https a.test:443 GET /|x-key: 1-secret") ==
        "nearly r [header]: header x-key does not match '2*'\n");
  CHECK(explained(*policy, "https a.test:443 GET /|x-key: 2-secret") == "matched r\n");
}

TEST_CASE("explain_names_the_ref_and_the_word_that_stopped_a_push") {
  struct Case {
    std::string list, rule, question, told;
  };
  const std::string repos = "repos: [acme/w], ";
  const Case cases[] = {
      {"allow", repos + "refs: ['refs/heads/agent/**']", "push a.test/acme/w refs/heads/agent/x refs/heads/main",
       "git ref refs/heads/main is not in [refs/heads/agent/**]"},
      {"allow", repos + "force: deny", "push a.test/acme/w +refs/heads/x",
       "the push forces git ref refs/heads/x, and the rule says 'force: deny'"},
      {"allow", repos + "delete: deny", "push a.test/acme/w :refs/heads/x",
       "the push deletes git ref refs/heads/x, and the rule says 'delete: deny'"},
      {"deny", repos + "force: only", "push a.test/acme/w refs/heads/x",
       "the push does not force git ref refs/heads/x, and the rule says 'force: only'"},
      {"deny", repos + "refs: [refs/heads/main]", "push a.test/acme/w refs/heads/x",
       "git ref refs/heads/x is not in [refs/heads/main]"},
      {"deny", repos + "refs: [refs/heads/main]", "fetch a.test/acme/w",
       "it updates no git ref, and the rule asks about those"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.question);
    const auto policy = agent_policy({policy_with(c.list + ": [{name: r, to: [a.test], git: {" + c.rule + "}}]")});
    auto question = git_question(c.question);
    REQUIRE(question.has_value());
    Facts asked = facts("https a.test:443 GET /");
    asked.request = std::make_shared<RequestFacts>(question->request);
    const auto rules = explain(*policy, asked).rules;
    REQUIRE(rules.size() == 1);
    CHECK(label(rules[0].stopper) == "git");
    CHECK(rules[0].detail == c.told);
  }
}

TEST_CASE("explain_names_the_action_and_the_region_of_aws") {
  const auto policy = agent_policy({policy_with(
      "allow: [{name: costs, to: [ce.us-east-1.amazonaws.com], aws: {actions: ['ce:Get*', 'ce:List*']}}]")});
  const auto traced = [&](std::string_view action, std::string_view region) {
    auto question = aws_question(action, region, std::nullopt);
    REQUIRE(question.has_value());
    Facts asked = facts("https a.test:443 GET /");
    asked.host = question->host;
    asked.request = std::make_shared<RequestFacts>(question->request);
    add_aws_call(asked, "");
    std::string text;
    for (const RuleTrace& trace : explain(*policy, asked).rules)
      text += fmt::format("{} [{}]: {}\n", trace.rule->rule, label(trace.stopper), trace.detail);
    return text;
  };
  CHECK(traced("ce:DeleteCostCategoryDefinition", "us-east-1") ==
        "costs [aws]: aws action ce:DeleteCostCategoryDefinition is not in [ce:Get*, ce:List*]\n");
  CHECK(traced("ce:GetCostAndUsage", "eu-west-1") ==
        "costs [host]: 'ce.us-east-1.amazonaws.com' is in region us-east-1, not eu-west-1\n");
  CHECK(traced("ce:GetCostAndUsage", "us-east-1") == "costs []: \n");
}

TEST_CASE("a_rule_about_some_requests_may_match_until_the_request_is_seen") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: web, to: [a.test]}], deny: [{name: no, to: [a.test], http: [{methods: [PUT]}]}]")});
  CHECK(explained(*policy, "tls a.test:443") == "matched web\nperhaps no: needs to see the request\n");
  CHECK(explained(*policy, "https a.test:443 PUT /") == "matched no\nmatched web\n");
  CHECK(explained(*policy, "https a.test:443 GET /") ==
        "matched web\nnearly no [method]: method GET is not in [PUT]\n");
}

TEST_CASE("what_a_rule_means_of_a_request_is_told_field_by_field") {
  const RequestFacts request{.method = "DELETE", .path = "/a/b", .query = "x=1"};
  const RequestMatcher matcher{
      .http = {{.methods = {"GET"}}, {.methods = {"DELETE", "PUT"}, .paths = {"/a/*"}, .query = {{"x", "*"}}}}};
  CHECK(request_hit(matcher, request, Leaning::kObjecting) ==
        "method DELETE is in [DELETE, PUT] and path /a/b is in [/a/*] and query x=1 matches 'x=*'");
  CHECK(request_hit({.unseen = true}, request, Leaning::kObjecting).empty());
}

}  // namespace
}  // namespace enforcer::policy::test
