#include "control/explain.h"

#include <doctest/doctest.h>

#include "control/json.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

constexpr std::string_view kRequestPolicy = R"(
apiVersion: enforcer.dev/v1
kind: Credential
metadata: {name: github-bot}
spec: {source: {store: true}, inject: [{to: ["issues.example:*"], as: bearer}]}
---
apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: bot}
spec:
  guests: {matchLabels: {role: bot}}
  allow:
    - {name: read, to: ["issues.example:*"], http: [{methods: [GET]}], credential: github-bot}
    - {name: write, to: [issues.example], http: [{methods: [POST], paths: ["/repos/acme/**"]}]}
    - {name: aws, to: [aws.example], aws: {actions: ["ce:Get*"]}}
    - {name: costs, to: [ce.us-east-1.amazonaws.com], aws: {actions: ["ce:Get*"]}}
    - {name: stacks, to: [cloudformation.us-east-1.amazonaws.com], aws: {actions: ["cloudformation:*"]}}
    - {name: plain, to: [plain.example]}
    - {name: chat, to: [chat.example, "chat.example:80"], websocket: true}
  review:
    - {name: patches, to: [issues.example], http: [{methods: [PATCH]}]}
  deny:
    - {name: no-deletions, to: [cloudformation.us-east-1.amazonaws.com], aws: {actions: ["*:Delete*"]}}
    - {name: no-dry, to: [issues.example], http: [{query: {dry: "0"}}]}
)";

std::shared_ptr<const policy::Snapshot> snapshot() {
  const policy::SourceText sources[] = {{.name = "agent.yaml", .text = std::string(kAgentPolicy)},
                                        {.name = "bot.yaml", .text = std::string(kRequestPolicy)}};
  const auto outcome = policy::load(sources, 3);
  for (const auto& diagnostic : outcome.diagnostics) MESSAGE(diagnostic.to_string());
  REQUIRE(outcome.snapshot != nullptr);
  return outcome.snapshot;
}

ExplainAnswer ask(std::string_view target, Labels labels = {{"role", "agent"}}) {
  auto parsed = parse_explain_target(target);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().message));
  return explain(*snapshot(), {.target = *std::move(parsed), .guest = std::nullopt, .labels = std::move(labels)});
}

}  // namespace

TEST_CASE("reads_every_form_of_target") {
  struct Case {
    std::string_view text, host, address;
    int port;
    Speech speech;
    std::string_view method, path;
  };
  const std::vector<Case> cases{
      {"api.github.com", "api.github.com", "", 443, Speech::kTls, "GET", "/"},
      {"API.GitHub.com.:8443", "api.github.com", "", 8443, Speech::kTls, "GET", "/"},
      {"a.example:80", "a.example", "", 80, Speech::kClearHttp, "GET", "/"},
      {"10.0.0.7:22", "", "10.0.0.7", 22, Speech::kTls, "GET", "/"},
      {"[2001:db8::1]:22", "", "2001:db8::1", 22, Speech::kTls, "GET", "/"},
      {"2001:db8::1", "", "2001:db8::1", 443, Speech::kTls, "GET", "/"},
      {"https://a.example/x/y?q=1#f", "a.example", "", 443, Speech::kTls, "GET", "/x/y"},
      {"http://a.example:8080", "a.example", "", 8080, Speech::kClearHttp, "GET", "/"},
      {"https://a.example/%61//b?q=1", "a.example", "", 443, Speech::kTls, "GET", "/a/b"},
      {"https://a.example:80/", "a.example", "", 80, Speech::kTls, "GET", "/"},
      {"DELETE https://a.example?x=1", "a.example", "", 443, Speech::kTls, "DELETE", "/"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto target = parse_explain_target(c.text);
    REQUIRE(target.has_value());
    CHECK((target->host ? target->host->text() : "") == c.host);
    CHECK((target->address ? target->address->to_string() : "") == c.address);
    CHECK(target->port == Port{static_cast<std::uint16_t>(c.port)});
    CHECK(target->speech == c.speech);
    CHECK(target->method == c.method);
    CHECK(target->path == c.path);
  }
}

TEST_CASE("a_url_asks_about_a_request_and_keeps_its_query") {
  CHECK(parse_explain_target("https://a.example/x?q=1#f")->query == "q=1");
  CHECK(parse_explain_target("https://a.example?q=1")->query == "q=1");
  CHECK_FALSE(parse_explain_target("https://a.example/")->query);
  CHECK(parse_explain_target("https://a.example")->is_request);
  CHECK_FALSE(parse_explain_target("a.example")->is_request);
}

TEST_CASE("a_websocket_is_asked_about_by_its_scheme") {
  for (const std::string_view url : {"wss://chat.example/socket", "ws://chat.example/socket"}) {
    const auto answer = ask(url, {{"role", "bot"}});
    CHECK((answer.decision == "allow" && answer.layer == "http" && answer.rule == "bot/chat"));
  }
  CHECK(ask("https://chat.example/", {{"role", "bot"}}).decision == "allow");
  CHECK(parse_explain_target("ws://chat.example:8080/")->port == Port{8080});
  const auto denied = ask("wss://issues.example/socket", {{"role", "bot"}});
  CHECK((denied.decision == "deny" && denied.reason == "upgrade"));
}

TEST_CASE("an_action_of_aws_is_asked_about_by_its_name") {
  const auto denied = ask("aws cloudformation:DeleteStack us-east-1", {{"role", "bot"}});
  CHECK(denied.decision == "deny");
  CHECK(denied.layer == "http");
  CHECK(denied.rule.ends_with("/no-deletions"));
  const auto allowed = ask("aws ce:GetCostAndUsage us-east-1", {{"role", "bot"}});
  CHECK(allowed.decision == "allow");
  CHECK(allowed.rule.ends_with("/costs"));
  CHECK(ask("aws ce:GetCostAndUsage eu-west-1", {{"role", "bot"}}).decision == "deny");
}

TEST_CASE("refuses_targets_that_name_nothing") {
  for (const std::string_view text : {"",
                                      ":443",
                                      "a.example:",
                                      "a.example:0",
                                      "a.example:70000",
                                      "a.example:x",
                                      "[::1",
                                      "[::1]x",
                                      "a b",
                                      "get https://a.example/",
                                      "GET a.example",
                                      "https://u@a.example/",
                                      "a..b",
                                      "127.1",
                                      "0x7f.1",
                                      "ftp://a.example/",
                                      "aws ce:GetCostAndUsage",
                                      "aws ce us-east-1",
                                      "aws ce:get us-east-1",
                                      "aws ce:GetCostAndUsage us east",
                                      "https://a.example/%2e%2e/x",
                                      "https://a.example/a\\b"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_explain_target(text).has_value());
  }
}

TEST_CASE("labels_are_read_strictly") {
  CHECK(parse_labels("").value() == Labels{});
  CHECK(parse_labels("a=b,c=").value() == Labels{{"a", "b"}, {"c", ""}});
  CHECK_FALSE(parse_labels("a").has_value());
  CHECK_FALSE(parse_labels("=b").has_value());
  CHECK_FALSE(parse_labels("a=1,a=2").has_value());
}

TEST_CASE("explains_as_the_data_path_decides") {
  struct Case {
    std::string_view target, decision, layer, reason, rule;
  };
  const std::vector<Case> cases{
      {"https://api.github.com/x", "allow", "tls", "rule", "agent/api"},
      {"cache.acme.example:6379", "allow", "l4", "rule", "agent/cache"},
      {"http://mirror.example.org/debian", "allow", "http", "rule", "agent/mirror"},
      {"wiki.acme.example", "deny", "dns", "rule", "agent/wiki"},
      {"nowhere.example", "deny", "dns", "dns_name", ""},
      {"api.github.com:22", "deny", "l4", "port", ""},
      {"93.184.216.34:443", "deny", "l4", "address", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.target);
    const ExplainAnswer answer = ask(c.target);
    CHECK(answer.decision == c.decision);
    CHECK(answer.layer == c.layer);
    CHECK(answer.reason == c.reason);
    CHECK(answer.rule == c.rule);
    CHECK_FALSE(answer.description.empty());
  }
  CHECK(ask("https://api.github.com/x").place == "agent.yaml:7");
  CHECK(ask("https://api.github.com/x").handling == "passthrough");
  CHECK(ask("wiki.acme.example").note == "Ask the platform team.");
}

TEST_CASE("explains_single_requests_with_the_credential_that_would_be_added") {
  struct Case {
    std::string_view target, decision, handling, layer, reason, rule, credential;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"https://issues.example", "allow", "intercept", "http", "rule", "bot/read", "github-bot"},
           {"issues.example", "allow", "intercept", "tls", "rule", "bot/read", ""},
           {"POST https://issues.example/repos/../repos/acme/i", "allow", "intercept", "http", "rule", "bot/write", ""},
           {"POST https://issues.example/repos/acme/i?dry=1&dry=0", "deny", "", "http", "rule", "bot/no-dry", ""},
           {"PUT https://issues.example/", "deny", "", "http", "request", "", ""},
           {"GET http://issues.example:8080/", "deny", "", "http", "scheme", "", ""},
           {"POST https://aws.example/", "deny", "", "http", "action_unknown", "bot/aws", ""},
           {"DELETE https://plain.example/x", "allow", "passthrough", "tls", "rule", "bot/plain", ""}}) {
    CAPTURE(c.target);
    const ExplainAnswer answer = ask(c.target, {{"role", "bot"}});
    CHECK(answer.decision == c.decision);
    CHECK(answer.handling == c.handling);
    CHECK(answer.layer == c.layer);
    CHECK(answer.reason == c.reason);
    CHECK(answer.rule == c.rule);
    CHECK(answer.credential == c.credential);
  }
  const ExplainAnswer answer = ask("PUT https://issues.example/", {{"role", "bot"}});
  const auto near = std::ranges::find(answer.rules, "bot/read", &ExplainedRule::rule);
  REQUIRE(near != answer.rules.end());
  CHECK(near->field == "method");
  CHECK(near->detail == "method PUT is not in [GET]");
}

TEST_CASE("what_becomes_of_the_bytes_is_settled_before_the_request") {
  struct Case {
    std::string_view target, decision, handling;
    std::vector<std::string> layers;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"GET https://issues.example/", "allow", "intercept", {"", "classify", "intercept", ""}},
           {"PATCH https://issues.example/", "review", "intercept", {"", "classify", "intercept", ""}},
           {"https://plain.example/", "allow", "passthrough", {"", "classify", "passthrough"}},
           {"ws://chat.example/", "allow", "", {"", "classify", ""}},
           {"PUT https://issues.example/", "deny", "", {"", "classify", "intercept", ""}}}) {
    CAPTURE(c.target);
    const ExplainAnswer answer = ask(c.target, {{"role", "bot"}});
    CHECK(answer.decision == c.decision);
    CHECK(answer.handling == c.handling);
    std::vector<std::string> handlings;
    for (const ExplainedLayer& layer : answer.layers) handlings.push_back(layer.handling);
    CHECK(handlings == c.layers);
  }
}

TEST_CASE("names_the_field_that_stopped_a_near_miss") {
  const ExplainAnswer answer = ask("api.github.com:22");
  const auto near = std::ranges::find(answer.rules, "agent/api", &ExplainedRule::rule);
  REQUIRE(near != answer.rules.end());
  CHECK(near->match == "nearly");
  CHECK(near->field == "port");
  CHECK(near->action == "allow");
}

TEST_CASE("says_whom_the_policies_select_when_none_selects_the_guest") {
  const ExplainAnswer answer = ask("api.github.com", {});
  CHECK(answer.decision == "deny");
  CHECK(answer.reason == "no_policy");
  REQUIRE_FALSE(answer.hints.empty());
  CHECK(answer.hints[0].contains("agent (role=agent)"));
}

TEST_CASE("an_explanation_survives_its_json") {
  const ExplainAnswer answer = ask("api.github.com:22");
  const auto again = decode_explain(encode_explain(answer));
  REQUIRE(again.has_value());
  CHECK(encode_explain(*again) == encode_explain(answer));
  CHECK(again->rules.size() == answer.rules.size());
  CHECK_FALSE(decode_explain("{}").has_value());
}

TEST_CASE("explain_and_policy_list_over_the_socket") {
  FakeDaemon daemon;
  daemon.locked()->guests.push_back(guest_info("vm"));
  CHECK(decode_explain(daemon.ask("GET", "/v1/explain?target=api.github.com&guest=vm").body)->reason ==
        "no_policy");  // nothing loaded
  daemon.set_policy(kAgentPolicy);
  const auto answer = decode_explain(daemon.ask("GET", "/v1/explain?target=api.github.com&guest=vm").body);
  REQUIRE(answer.has_value());
  CHECK(answer->decision == "allow");  // by the labels the guest has
  CHECK(answer->generation == 5);
  CHECK(decode_explain(daemon.ask("GET", "/v1/explain?target=api.github.com&labels=role=agent").body)->decision ==
        "allow");
  CHECK(decode_explain(daemon.ask("GET", "/v1/explain?target=api.github.com").body)->decision == "deny");
  CHECK(daemon.ask("GET", "/v1/explain?target=api.github.com&guest=nobody").status == 404);
  CHECK(daemon.ask("GET", "/v1/explain").status == 400);
  CHECK(daemon.ask("GET", "/v1/explain?target=%20").status == 400);

  const auto policies = decode_policies(daemon.ask("GET", "/v1/policies").body);
  REQUIRE(policies.has_value());
  REQUIRE(policies->size() == 1);
  CHECK(policies->front().name == "agent");
  CHECK(policies->front().allow == 3);
  CHECK(policies->front().deny == 1);
}
