// Layer by layer, what would be added, and the nearest change: written into the policy, it makes the answer an allow.
#include "control/nearest_change.h"

#include <fmt/format.h>

#include "control/explain.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

constexpr std::string_view kBot = R"(apiVersion: enforcer.dev/v1
kind: Credential
metadata: {name: bot}
spec: {source: {store: true}, inject: [{to: ["issues.test:*"], as: header, name: x-api-key}]}
)";

std::string policy_of(std::string_view allow, std::string_view deny = "") {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n  guests: {{matchLabels: {{role: "
      "agent}}}}\n  allow:\n    - {{name: base, to: [base.test]}}\n{}{}",
      allow, deny);
}

ExplainAnswer asked(const std::vector<std::string>& texts, std::string_view target,
                    const Labels& labels = {{"role", "agent"}}) {
  std::vector<policy::SourceText> sources{{.name = "c.yaml", .text = std::string(kBot)}};
  for (const std::string& text : texts)
    sources.push_back({.name = fmt::format("{}.yaml", sources.size()), .text = text});
  const auto outcome = policy::load(sources, 1);
  std::string problems;
  for (const auto& diagnostic : outcome.diagnostics) problems += diagnostic.to_string() + "\n";
  REQUIRE_MESSAGE(outcome.snapshot, problems);
  auto parsed = parse_explain_target(target);
  REQUIRE(parsed.has_value());
  return explain(*outcome.snapshot, {.target = *std::move(parsed), .guest = std::nullopt, .labels = labels});
}

/// "dns allow, l4 allow, tls deny"
std::string layers_of(const ExplainAnswer& answer) {
  std::string text;
  for (const ExplainedLayer& layer : answer.layers)
    text += (text.empty() ? "" : ", ") + layer.layer + " " + layer.decision;
  return text;
}

}  // namespace

TEST_CASE("every_layer_that_is_asked_has_its_answer") {
  const std::string text = policy_of("    - {name: i, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n");
  CHECK(layers_of(asked({text}, "base.test")) == "dns allow, l4 allow, tls allow");
  CHECK(layers_of(asked({text}, "other.test")) == "dns deny");
  CHECK(layers_of(asked({text}, "base.test:22")) == "dns allow, l4 deny");
  CHECK(layers_of(asked({text}, "93.184.216.34:22")) == "l4 deny");
  const ExplainAnswer request = asked({text}, "PUT https://issues.test/");
  CHECK(layers_of(request) == "dns allow, l4 allow, tls allow, http deny");
  CHECK(request.layers[2].handling == "intercept");
  CHECK(request.layers[2].rules[0].match == "perhaps");
  CHECK(request.layers[3].rules[0].field == "method");
  CHECK(request.layer == request.layers.back().layer);
}

TEST_CASE("what_would_be_added_is_told_by_name_kind_and_place") {
  const std::string text = policy_of("    - {name: i, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n");
  const ExplainAnswer answer = asked({text}, "GET https://issues.test/");
  REQUIRE(answer.injection.has_value());
  CHECK(answer.injection->credential == "bot");
  CHECK(answer.injection->as == "header");
  CHECK(answer.injection->where == "header x-api-key");
  CHECK(answer.injection->source == "store");
  CHECK_FALSE(asked({text}, "base.test").injection.has_value());
  const auto again = decode_explain(encode_explain(answer));
  REQUIRE(again.has_value());
  CHECK(again->injection->where == "header x-api-key");
  CHECK(layers_of(*again) == layers_of(answer));
}

TEST_CASE("viewers_are_not_told_what_only_a_credential_says") {
  const std::string basic =
      "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec: {source: {store: true}, inject: "
      "[{to: "
      "[issues.test], as: basic, username: kim}]}\n";
  const std::vector<policy::SourceText> sources{
      {.name = "c.yaml", .text = basic},
      {.name = "p.yaml",
       .text = policy_of("    - {name: i, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n")}};
  const auto outcome = policy::load(sources, 1);
  REQUIRE_MESSAGE(outcome.snapshot, (outcome.diagnostics.empty() ? "" : outcome.diagnostics[0].to_string()));
  ExplainQuery query{.target = *parse_explain_target("GET https://issues.test/"), .labels = {{"role", "agent"}}};
  const auto whole = explain(*outcome.snapshot, query);
  query.detail = ExplainQuery::Detail::kForViewers;
  const auto less = explain(*outcome.snapshot, query);
  REQUIRE((whole.injection && less.injection));
  CHECK(whole.injection->where == "Authorization: Basic, user name kim");
  CHECK(less.injection->where == "Authorization: Basic");
}

TEST_CASE("a_change_is_looked_for_no_longer_than_there_is_time") {
  const policy::SourceText source{.name = "p.yaml", .text = policy_of("")};
  const auto outcome = policy::load({&source, 1}, 1);
  REQUIRE(outcome.snapshot);
  const ExplainQuery query{.target = *parse_explain_target("other.test"), .labels = {{"role", "agent"}}};
  const auto guest = outcome.snapshot->for_guest(*GuestName::parse("g"), query.labels);
  const auto now = WallClock::now();
  const auto asked = ask_layers(*guest, query.target, now);
  CHECK(nearest_change(*guest, query, asked.back(), now, Deadline::after({})).steps.empty());
  const auto found = nearest_change(*guest, query, asked.back(), now, Deadline::after(std::chrono::minutes(1)));
  CHECK((found.allows && found.steps.size() == 1));
}

TEST_CASE("a_new_rule_that_is_told_allows_when_it_is_written") {
  const std::string guarded = "    - {name: i, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n";
  for (const std::string_view target :
       {"new.test", "new.test:8443", "GET https://new.test/a/b", "POST https://issues.test/x?y=1", "93.184.216.34:22",
        "[2606:2800::1]:22", "10.0.0.7:22", "http://new.test/x", "wss://new.test/socket",
        "aws cloudformation:DeleteStack us-east-1", "aws s3:GetObject us-east-1", "GET https://new.test/a?b=1&c=&b=2",
        "git push git.test/acme/w +refs/heads/x :refs/heads/y", "http://new.test:8080/x", "http://10.0.0.7/x",
        "git push git.test/acme/w refs/heads/main", "git fetch git.test/acme/w", "http://93.184.216.34/x"}) {
    CAPTURE(target);
    const ExplainAnswer denied = asked({policy_of(guarded)}, target);
    CHECK(denied.decision == "deny");
    REQUIRE(denied.changes.size() == 1);
    CHECK(denied.changes[0].place == "1.yaml:1");
    CAPTURE(denied.changes[0].yaml);
    const ExplainAnswer allowed = asked({policy_of(guarded + "    " + denied.changes[0].yaml + "\n")}, target);
    CHECK(allowed.decision == "allow");
    CHECK(allowed.changes.empty());
  }
  CHECK(asked({policy_of(guarded)}, "POST https://issues.test/x").changes[0].yaml.contains("credential: \"bot\""));
}

TEST_CASE("a_new_rule_says_all_that_a_rule_can_say_of_the_request") {
  struct Case {
    std::string_view target, fields;
    std::vector<std::string_view> others;  ///< that stay denied once the rule is written
  };
  for (const Case& c : std::initializer_list<Case>{
           {"DELETE https://new.test/a/b",
            R"(to: ["new.test:443"], http: [{methods: [DELETE], paths: ["/a/b"]}])",
            {"GET https://new.test/a/b", "DELETE https://new.test/a", "DELETE https://new.test:8443/a/b"}},
           {"GET https://new.test/a?state=open&page=2",
            R"(to: ["new.test:443"], http: [{methods: [GET], paths: ["/a"], query: {"page": "2", "state": "open"}}])",
            {"GET https://new.test/a?state=closed&page=2", "GET https://new.test/a?state=open"}},
           {"git push git.test/acme/w refs/heads/main",
            R"(to: ["git.test:443"], git: {repos: ["acme/w"], operations: [push], refs: ["refs/heads/main"], )"
            "force: deny, delete: deny}",
            {"git push git.test/acme/w refs/heads/x", "git push git.test/acme/w +refs/heads/main",
             "git push git.test/acme/w :refs/heads/main", "git fetch git.test/acme/w"}},
           {"git push git.test/acme/w +refs/heads/main",
            R"(to: ["git.test:443"], git: {repos: ["acme/w"], operations: [push], refs: ["refs/heads/main"], )"
            "delete: deny}",
            {"git push git.test/acme/w :refs/heads/main"}},
           {"git fetch git.test/acme/w",
            R"(to: ["git.test:443"], git: {repos: ["acme/w"], operations: [fetch]})",
            {"git push git.test/acme/w refs/heads/main"}},
           {"aws cloudformation:DeleteStack us-east-1",
            R"(to: ["cloudformation.us-east-1.amazonaws.com:443"], aws: {actions: ["cloudformation:DeleteStack"]})",
            {"aws cloudformation:CreateStack us-east-1", "aws cloudformation:DeleteStack eu-west-1"}},
           {"wss://new.test/socket",
            R"(to: ["new.test:443"], websocket: true, http: [{methods: [GET], paths: ["/socket"]}])",
            {"wss://new.test/other"}}}) {
    CAPTURE(c.target);
    const ExplainAnswer denied = asked({policy_of("")}, c.target);
    REQUIRE(denied.changes.size() == 1);
    const std::string& yaml = denied.changes[0].yaml;
    CHECK(yaml.substr(yaml.find("to:")) == std::string(c.fields) + "}");
    const std::string written = policy_of("    " + yaml + "\n");
    CHECK(asked({written}, c.target).decision == "allow");
    for (const std::string_view other : c.others) {
      CAPTURE(other);
      CHECK(asked({written}, other).decision == "deny");
    }
  }
}

TEST_CASE("a_request_never_opens_a_whole_host") {
  // The first policy of the documentation, whose 'fetch' passes everything through.
  const std::string first = policy_of(
      "    - {name: fetch, to: [github.test]}\n"
      "    - {name: read-api, to: [api.github.test], http: [{methods: [GET], paths: ['/repos/**']}]}\n");
  const ExplainAnswer answer = asked({first}, "DELETE https://api.github.test/repos/a/b");
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].yaml ==
        R"(- {name: "allow-api.github.test", to: ["api.github.test:443"], http: [{methods: [DELETE], )"
        R"(paths: ["/repos/a/b"]}]})");
  // Nor does a rule about requests to its neighbour become one about the host's.
  const ExplainAnswer near =
      asked({policy_of("    - {name: near, to: [a.test], http: [{paths: ['/**']}]}\n")}, "GET https://a.test:8443/x");
  REQUIRE(near.changes.size() == 1);
  CHECK(near.changes[0].what.starts_with("add a rule"));
}

TEST_CASE("a_change_that_fails_a_test_of_the_policy_is_not_told") {
  const auto tested = [](std::string_view test) {
    return policy_of("    - {name: api, to: [api.test], http: [{methods: [GET]}]}\n",
                     fmt::format("  tests:\n    - {{request: \"{}\", expect: deny}}\n", test));
  };
  const std::string_view question = "DELETE https://api.test/a";
  const ExplainAnswer refused = asked({tested(question)}, question);
  CHECK(refused.changes.empty());
  CHECK(std::ranges::any_of(refused.hints, [](const std::string& hint) { return hint.contains("tests"); }));
  CHECK(asked({tested("DELETE https://api.test/b")}, question).changes.size() == 1);
  const ExplainAnswer port = asked({policy_of("    - {name: a, to: [a.test]}\n    - {name: b, to: ['b.test:8443']}\n",
                                              "  tests: [{connect: 'a.test:8443', expect: deny}]\n")},
                                   "a.test:8443");
  CHECK(port.changes.empty());
}

TEST_CASE("a_change_that_draws_a_warning_is_not_told") {
  // On port 8443 as on 443, the rule for everything would make the one beside it pointless (W0301).
  const std::string rules =
      "    - {name: web, to: [a.test]}\n"
      "    - {name: web-too, to: ['a.test:8443'], http: [{methods: [GET]}], private: true, expires: "
      "2020-01-01T00:00:00Z}\n";
  CHECK(asked({policy_of(rules)}, "a.test:8443").changes.empty());
  CHECK(asked({policy_of(rules)}, "a.test:8444").changes.size() == 1);
  CHECK(asked({policy_of("")}, "pastebin.com").changes.empty());  // W0302, which a rule about one request does not draw
  CHECK(asked({policy_of("")}, "GET https://pastebin.com/x").changes.size() == 1);
}

TEST_CASE("a_new_rule_has_a_name_that_is_free") {
  const ExplainAnswer answer =
      asked({policy_of("    - {name: allow-new.test, to: [x.test]}\n    - {name: allow-new.test-2, to: [y.test]}\n")},
            "GET https://new.test/");
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].yaml.starts_with(R"(- {name: "allow-new.test-3", )"));
}

TEST_CASE("a_rule_that_nearly_matched_a_connection_is_widened_by_the_field_that_stopped_it") {
  struct Case {
    std::string_view rule, target, yaml;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"to: [a.test]", "a.test:8443", R"(to: ["a.test", "a.test:8443"])"},
           {"to: ['*.deep.test']", "deep.test", R"(to: ["*.deep.test", "deep.test:443"])"},
           {"to: ['*.deep.test'], except: [x.deep.test, y.deep.test]", "x.deep.test", R"(except: ["y.deep.test"])"},
           {"to: ['10.0.0.7:22'], protocol: tcp, private: true, expires: 2020-01-01T00:00:00Z", "10.0.0.7:22", ""}}) {
    CAPTURE(c.target);
    const ExplainAnswer answer = asked({policy_of(fmt::format("    - {{name: near, {}}}\n", c.rule))}, c.target);
    CHECK(answer.decision == "deny");
    REQUIRE(answer.changes.size() == 1);
    CHECK(answer.changes[0].what.starts_with("in rule p/near, "));
    CHECK(answer.changes[0].place == "1.yaml:8");
    CHECK(answer.changes[0].yaml == c.yaml);
  }
}

TEST_CASE("a_widening_that_opens_more_than_a_rule_of_its_own_is_not_told") {
  struct Case {
    std::string_view rule, target;
  };
  for (const Case& c : std::initializer_list<Case>{
           // Everything else in the block, too.
           {"to: ['10.0.0.0/8:22'], protocol: tcp, private: true, expires: 2020-01-01T00:00:00Z", "10.0.0.7:22"},
           {"to: ['**.deep.test'], expires: 2020-01-01T00:00:00Z", "a.deep.test"},
           {"to: ['**.deep.test'], except: ['**.x.deep.test']", "a.x.deep.test"},
           // Bytes that nobody looks at, the network of the host, a credential.
           {"to: ['a.test:22'], protocol: tcp", "a.test:8443"},
           {"to: [a.test], private: true", "a.test:8443"},
           {"to: ['issues.test:444'], http: [{methods: [GET]}], credential: bot", "issues.test:8443"}}) {
    CAPTURE(c.rule);
    const ExplainAnswer answer = asked({policy_of(fmt::format("    - {{name: near, {}}}\n", c.rule))}, c.target);
    REQUIRE(answer.changes.size() == 1);
    CHECK(answer.changes[0].what.starts_with("add a rule"));
  }
}

TEST_CASE("of_two_rules_the_one_that_opens_less_is_widened") {
  const ExplainAnswer answer =
      asked({policy_of(
                "    - {name: all, to: [a.test]}\n    - {name: some, to: ['a.test:444'], http: [{methods: [GET]}]}\n")},
            "a.test:8443");
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].what == "in rule p/some, add it to 'to'");
}

TEST_CASE("a_deny_rule_is_for_a_person_to_narrow") {
  const auto only = [](const ExplainAnswer& answer) {
    REQUIRE(answer.changes.size() == 1);
    CHECK(answer.changes[0].yaml.empty());
    CHECK(answer.changes[0].place.starts_with("1.yaml:"));
    return answer.changes[0].what;
  };
  const std::string allow = "    - {name: a, to: [\"a.test:*\"]}\n    - {name: g, to: [git.test]}\n";
  const auto denied = [&](std::string_view rule, std::string_view target) {
    return asked({policy_of(allow, fmt::format("  deny:\n    - {{name: no, {}}}\n", rule))}, target);
  };
  CHECK(only(denied("to: ['a.test:8443']", "a.test:8443")) ==
        "deny rule p/no has to be narrowed by a person: its 'to' names 'a.test:8443'");
  CHECK(only(denied("to: [a.test], http: [{methods: [DELETE]}]", "DELETE https://a.test/x")) ==
        "deny rule p/no has to be narrowed by a person: method DELETE is in [DELETE]");
  CHECK(only(denied("to: [git.test], git: {repos: [acme/*], force: only}", "git push git.test/acme/w +refs/heads/x"))
            .contains("the push forces git ref refs/heads/x, and the rule says 'force: only'"));
  const std::string deny = "  deny:\n    - {name: no, to: [\"**.test\"], except: [base.test]}\n";
  const ExplainAnswer both = asked({policy_of("", deny)}, "GET https://new.test/x");
  CHECK(both.decision == "deny");
  REQUIRE(both.changes.size() == 2);
  CHECK(both.changes[0].what == "deny rule p/no has to be narrowed by a person: its 'to' names '**.test'");
  CHECK((both.changes[0].yaml.empty() && both.changes[0].place == "1.yaml:9"));
  CHECK(both.changes[1].yaml.starts_with("- {name: \"allow-new.test\""));
  const ExplainAnswer two =
      asked({policy_of(allow,
                       "  deny:\n    - {name: one, to: ['a.test:443']}\n"
                       "    - {name: two, to: ['**.test:443'], except: [git.test, base.test]}\n")},
            "a.test");
  REQUIRE(two.changes.size() == 2);
  CHECK(two.changes[0].what.starts_with("deny rule p/one"));
  CHECK(two.changes[1].what.starts_with("deny rule p/two"));
}

TEST_CASE("a_deny_of_the_hosts_owner_is_named_as_such_and_what_else_is_in_the_way_is_no_secret") {
  const std::string guardrail =
      "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: g}\nspec:\n  ceiling: [{name: c, to: "
      "[base.test]}]\n  deny: [{name: n, to: [new.test]}]\n";
  const ExplainAnswer answer = asked({policy_of(""), guardrail}, "new.test");
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].what ==
        "deny rule g/n has to be narrowed by the owner of the host, for no policy can undo it: its 'to' names "
        "'new.test'");
  CHECK(std::ranges::any_of(answer.hints, [](const std::string& hint) { return hint.starts_with("beside that, no"); }));
}

TEST_CASE("a_guest_without_a_policy_is_told_a_whole_one") {
  const ExplainAnswer denied = asked({policy_of("")}, "new.test", {{"role", "other"}, {"team", "x"}});
  CHECK(denied.reason == "no_policy");
  REQUIRE(denied.changes.size() == 1);
  CHECK(denied.changes[0].yaml.contains(R"(guests: {matchLabels: {"role": "other", "team": "x"}})"));
  CHECK(asked({policy_of(""), denied.changes[0].yaml}, "new.test", {{"role", "other"}, {"team", "x"}}).decision ==
        "allow");
}

TEST_CASE("nothing_is_told_where_no_policy_can_allow_it") {
  CHECK(asked({policy_of("")}, "169.254.169.254:80").changes.empty());
  CHECK(asked({policy_of("")}, "http://base.test:443/").changes.empty());
  const std::string guardrail =
      "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: g}\nspec:\n  ceiling: [{name: c, to: "
      "[base.test]}]\n";
  const ExplainAnswer above = asked({policy_of(""), guardrail}, "new.test");
  CHECK(above.changes.empty());
  CHECK(std::ranges::any_of(above.hints, [](const std::string& hint) { return hint.contains("no single change"); }));
}
