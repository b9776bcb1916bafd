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
  CHECK(request.layers[2].rules[0].match == "matched");
  CHECK(request.layers[3].rules[0].field == "request");
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
  CHECK(nearest_changes(*guest, query, asked.back(), now, Deadline::after({})).empty());
  CHECK(nearest_changes(*guest, query, asked.back(), now, Deadline::after(std::chrono::minutes(1))).size() == 1);
}

TEST_CASE("a_new_rule_that_is_told_allows_when_it_is_written") {
  const std::string guarded = "    - {name: i, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n";
  for (const std::string_view target :
       {"new.test", "new.test:8443", "GET https://new.test/a/b", "POST https://issues.test/x?y=1", "93.184.216.34:22",
        "[2606:2800::1]:22", "10.0.0.7:22", "http://new.test/x", "wss://new.test/socket",
        "aws cloudformation:DeleteStack us-east-1", "git push git.test/acme/w refs/heads/main",
        "git fetch git.test/acme/w", "http://93.184.216.34/x"}) {
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

TEST_CASE("a_rule_that_nearly_matched_is_widened_by_the_field_that_stopped_it") {
  struct Case {
    std::string_view rule, target, yaml;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"to: [a.test]", "a.test:8443", R"(to: ["a.test", "a.test:8443"])"},
           {"to: ['*.deep.test']", "deep.test", R"(to: ["*.deep.test", "deep.test:443"])"},
           {"to: ['*.deep.test'], except: [x.deep.test, y.deep.test]", "x.deep.test", R"(except: ["y.deep.test"])"},
           {"to: [a.test], http: [{paths: ['/**']}]", "wss://a.test/", "websocket: true"},
           {"to: ['10.0.0.0/8:22'], protocol: tcp, private: true, expires: 2020-01-01T00:00:00Z", "10.0.0.7:22", ""}}) {
    CAPTURE(c.target);
    const ExplainAnswer answer = asked({policy_of(fmt::format("    - {{name: near, {}}}\n", c.rule))}, c.target);
    CHECK(answer.decision == "deny");
    REQUIRE(answer.changes.size() == 1);
    CHECK(answer.changes[0].what.starts_with("in rule p/near, "));
    CHECK(answer.changes[0].place == "1.yaml:8");
    CHECK(answer.changes[0].yaml == c.yaml);
  }
}

TEST_CASE("a_widening_that_would_not_help_is_not_told") {
  // The port is right afterwards, but the credential must not go to another host.
  const std::string rule = "    - {name: near, to: [issues.test], http: [{methods: [GET]}], credential: bot}\n";
  const ExplainAnswer answer = asked({policy_of(rule)}, "GET https://issue.test/");
  REQUIRE(answer.changes.size() == 1);
  CHECK(answer.changes[0].what.starts_with("add a rule"));
}

TEST_CASE("what_a_deny_takes_out_needs_an_exception_and_perhaps_a_rule") {
  const std::string deny = "  deny:\n    - {name: no, to: [\"**.test\"], except: [base.test]}\n";
  const ExplainAnswer both = asked({policy_of("", deny)}, "new.test");
  CHECK(both.decision == "deny");
  REQUIRE(both.changes.size() == 2);
  CHECK(both.changes[0].yaml == R"(except: ["base.test", "new.test:443"])");
  CHECK(both.changes[1].yaml.starts_with("- {name: \"allow-new.test\""));
  const ExplainAnswer one = asked({policy_of("    - {name: a, to: [\"a.new.test:*\"]}\n",
                                             "  deny:\n    - {name: no, to: [\"a.new.test:8443\"]}\n")},
                                  "a.new.test:8443");
  REQUIRE(one.changes.size() == 1);
  CHECK(one.changes[0].yaml == R"(except: ["a.new.test:8443"])");
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
