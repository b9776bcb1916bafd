// A suggested policy: what it says, that it is a policy, that it allows what it was made of and nothing that was
// denied, and that nothing a guest says becomes a part of it.
#include "enforcerctl/suggestion.h"

#include <algorithm>
#include <sstream>

#include "enforcerctl/replay.h"
#include "enforcerctl/sightings.h"
#include "enforcerctl/yaml_text.h"
#include "log_lines.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

std::string suggested(const std::vector<std::string>& lines) {
  const auto text = suggest_policy(history_of(lines), {.name = "suggested", .guest = "g1", .labels = {}}, kLogRead);
  REQUIRE_MESSAGE(text, (text ? "" : text.error().message));
  return *text;
}

std::shared_ptr<const policy::Snapshot> loaded(const std::string& text) {
  const policy::SourceText source{.name = "s.yaml", .text = text};
  const auto outcome = policy::load({&source, 1}, 1);
  std::string problems;
  for (const auto& diagnostic : outcome.diagnostics) problems += diagnostic.to_string() + "\n";
  problems += outcome.snapshot ? "" : text;
  REQUIRE_MESSAGE(outcome.snapshot, problems);
  CHECK_MESSAGE(problems.empty(), problems);
  return outcome.snapshot;
}

/// Everything allowed is allowed again, and everything denied is not.
void holds(const std::vector<std::string>& lines) {
  const History history = history_of(lines);
  const auto snapshot = loaded(suggested(lines));
  for (const PastDecision& past : history.decisions()) {
    CAPTURE(request_text(past));
    const auto again = replay(past, *snapshot, kLogRead);
    REQUIRE(again);
    CHECK(label(again->fate) == (is_ground(past) ? "allow" : "deny"));
  }
}

/// The lines that are not comments.
std::string rules_of(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos && line[first] != '#') out += line + "\n";
  }
  return out;
}

std::string would_deny(std::string_view host, std::string_view reason) {
  return decision_line("tls", "allow", "audit_mode",
                       at(host, 443) + fmt::format(R"(,"would":{{"decision":"deny","reason":"{}","policy":"p",)"
                                                   R"("rule":"closed"}})",
                                                   reason));
}

}  // namespace

TEST_CASE("a_suggestion_says_what_was_seen_and_why") {
  const std::vector<std::string> lines = {
      passed("code.test"),
      passed("code.test"),
      requested("api.test", "GET", "/repos/acme/w/issues/17"),
      requested("api.test", "GET", "/repos/acme/w/issues/4?q=*"),
      requested("api.test", "POST", "/repos/acme/w/issues"),
      decision_line("l4", "allow", "rule", at("db.test", 5432)),
      decision_line("dns", "deny", "dns_name", R"(,"host":"evil.test","port":53,"count":12)")};
  CHECK(suggested(lines) ==
        R"(# Suggested from 18 decisions in the audit log, 2026-01-31T12:00:00.123456Z to 2026-01-31T12:00:00.123456Z.
# It allows what was allowed then and little more; what was denied stands in comments. Read it before you apply it.
apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: "suggested"}
spec:
  guests: {names: ["g1"]}
  mode: enforce
  allow:
    # 3 requests
    - name: "api.test"
      to: ["api.test"]
      http:
        - methods: ["GET"]
          paths:
            - "/repos/acme/w/issues/*"  # 2 requests for 2 different paths, such as /repos/acme/w/issues/17
        - methods: ["POST"]
          paths:
            - "/repos/acme/w/issues"  # 1 request
    # 2 connections of TLS that passed through: their requests were not seen
    - name: "code.test"
      to: ["code.test"]
    # 1 connection of a protocol that nobody looked into
    - name: "db.test-5432"
      to: ["db.test:5432"]
      protocol: tcp

# Denied, and not allowed above; where a rule could change that, it follows.
#   12x evil.test (dns_name by p/r)
#     - {name: "evil.test", to: ["evil.test"]}

# Where TLS passed through, requests are seen from the day on which a rule asks about them. To learn them, add
#   http: [{paths: ["/**"]}]
# to the rule for that host, also in a policy in audit mode, and let the guest trust its CA.
)");
  holds(lines);
}

TEST_CASE("everything_that_was_allowed_is_allowed_again") {
  std::vector<std::string> lines = {
      passed("a.test"),
      passed("a.test", 8443),
      requested("b.test", "GET", "/x", "", 80),
      requested("b.test", "GET", "/socket", R"(,"upgrade":"websocket")"),
      requested("b.test", "PATCH", "/@s%2Fp"),
      requested("ce.us-east-1.amazonaws.com", "POST", "/", R"(,"action":"ce:GetCostAndUsage")"),
      requested("git.test", "POST", "/acme/w.git/git-receive-pack", R"(,"action":"git push acme/w refs/heads/x")"),
      requested("git.test", "GET", "/acme/w.git/info/refs?service=*", R"(,"action":"git push acme/w")"),
      requested("git.test", "GET", "/readme"),
      decision_line("l4", "allow", "rule", R"(,"destination":"10.0.0.7","port":22)"),
      decision_line("l4", "allow", "rule", R"(,"destination":"2001:4860:4860::8888","port":22)"),
      decision_line("l4", "deny", "name", at("no.test", 443)),
      would_deny("found.test", "name")};
  for (int i = 0; i < 30; ++i) lines.push_back(requested("c.test", "GET", fmt::format("/p/x{}/{}", i, i % 4)));
  holds(lines);
}

TEST_CASE("private_space_is_opened_where_it_led_there") {
  const std::vector<std::string> lines = {passed("a.test"), ended("10.0.0.7")};
  CHECK(rules_of(suggested(lines)).contains("private: true"));
  CHECK_FALSE(rules_of(suggested({passed("a.test"), ended("93.184.216.34")})).contains("private: true"));
  holds(lines);
}

TEST_CASE("what_a_rule_denies_is_not_suggested_though_audit_mode_let_it_through") {
  const std::vector<std::string> lines = {
      would_deny("closed.test", "rule"), would_deny("held.test", "review_unavailable"), would_deny("new.test", "name")};
  const std::string text = suggested(lines);
  CHECK(text.contains("1x closed.test:443 (rule by p/closed; audit mode let it through)"));
  CHECK_FALSE(rules_of(text).contains("closed.test"));
  CHECK_FALSE(rules_of(text).contains("held.test"));
  CHECK(rules_of(text).contains("new.test"));
  holds(lines);
}

TEST_CASE("denials_of_the_address_guard_and_of_unknown_protocols_say_what_a_rule_would_have_to_say") {
  const std::string text = suggested({decision_line("tls", "deny", "dst_private", at("intern.test", 443)),
                                      decision_line("l4", "deny", "proto_unknown", at("db.test", 5432)),
                                      decision_line("tls", "deny", "dst_metadata", at("meta.test", 443))});
  CHECK(text.contains(R"(#     - {name: "intern.test", to: ["intern.test"], private: true})"));
  CHECK(text.contains(R"(#     - {name: "db.test-5432", to: ["db.test:5432"], protocol: tcp})"));
  CHECK(text.contains("#   1x meta.test:443 (dst_metadata by p/r)\n"));
  CHECK_FALSE(text.contains(R"(- {name: "meta.test")"));
  CHECK_FALSE(rules_of(text).contains("allow"));
  loaded(text);
}

TEST_CASE("requests_beside_connections_that_passed_do_not_limit_them") {
  const std::vector<std::string> lines = {passed("a.test"), requested("a.test", "GET", "/x")};
  const std::string text = suggested(lines);
  CHECK_FALSE(rules_of(text).contains("http:"));
  CHECK(text.contains("1 request beside them"));
  holds(lines);
}

TEST_CASE("many_names_with_one_parent_are_a_hint_and_never_a_wildcard") {
  const std::string text = suggested({passed("a.cdn.test"), passed("b.cdn.test"), passed("c.cdn.test")});
  CHECK(text.contains("# 3 names stand below cdn.test: '*.cdn.test' would allow"));
  CHECK_FALSE(rules_of(text).contains("*"));
  CHECK_FALSE(suggested({passed("a.cdn.test"), passed("b.cdn.test")}).contains("names stand below"));
  CHECK_FALSE(suggested({passed("a.co.uk"), passed("b.co.uk"), passed("c.co.uk")}).contains("names stand below"));
}

TEST_CASE("a_credential_is_a_comment_because_the_policy_alone_must_load") {
  const std::string text = suggested({requested("a.test", "GET", "/x", R"(,"credential":"bot")")});
  CHECK(text.contains("# credential: \"bot\"  # was added to 1 request"));
  loaded(text);
}

TEST_CASE("invariant_10_what_a_guest_says_never_becomes_a_rule") {
  // As the daemon would never write them, in a file that somebody else made: JSON escapes that decode to anything.
  const std::string newline = R"(\n  deny: []\n  allow:\n    - {name: all, to: ["**"], broad: true}\n#)";
  std::vector<std::string> lines = {passed("ok.test")};
  for (const std::string& text :
       {newline, std::string(R"(/**)"), std::string(R"(/a\u001b[2J)"), std::string(R"(/\" ]}])"), std::string("/*"),
        std::string(R"(/a # b)"), std::string(R"(/\u2028x)")}) {
    lines.push_back(
        decision_line("http", "allow", "rule", at("h.test", 443) + R"(,"method":"GET","path":")" + text + "\""));
    lines.push_back(
        decision_line("http", "allow", "rule", at("h.test", 443) + R"(,"path":"/ok","method":")" + text + "\""));
    lines.push_back(decision_line("tls", "allow", "rule", R"(,"port":443,"host":")" + text + "\""));
    lines.push_back(decision_line("tls", "deny", text, R"(,"port":443,"host":")" + text + "\""));
    lines.push_back(decision_line(
        "http", "allow", "rule",
        at("h.test", 443) + R"(,"method":"GET","path":"/","credential":")" + text + R"(","action":")" + text + "\""));
    lines.push_back(
        decision_line("http", "allow", "rule",
                      at("g.test", 443) + R"(,"method":"GET","path":"/","action":"git push )" + text + "\""));
  }
  const std::string text = suggested(lines);
  CHECK(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  const std::string rules = rules_of(text);
  CHECK_FALSE(rules.contains("**"));
  CHECK_FALSE(rules.contains("broad"));
  CHECK_FALSE(rules.contains("deny"));
  const auto snapshot = loaded(text);
  CHECK(snapshot->policies()[0].allow == 3);  // ok.test, h.test, g.test
  for (const std::string& line : {passed("evil.test"), requested("h.test", "GET", "/other")}) {
    const History history = history_of({line});
    CHECK(replay(history.decisions()[0], *snapshot, kLogRead)->fate == Fate::kDeny);
  }
  CHECK(text.contains("a method that a policy cannot name"));
  CHECK(text.contains("a path that a policy cannot name"));
}

TEST_CASE("invariant_10_text_in_yaml_is_one_quoted_value_or_one_comment") {
  CHECK(yaml_quoted("a\"b\\c\n\x1b") == R"("a\"b\\c\x0a\x1b")");
  CHECK(yaml_list({"a", "b"}) == R"(["a", "b"])");
  CHECK(yaml_comment("a\nb\x1b[2J") == "a\\x0ab\\x1b[2J");
  CHECK(yaml_comment(std::string(10'000, 'x')).size() < 400);
}

TEST_CASE("the_order_of_records_makes_no_difference") {
  std::vector<std::string> lines;
  for (int i = 0; i < 20; ++i) {
    lines.push_back(requested(fmt::format("h{}.test", i % 3), i % 2 ? "GET" : "PUT", fmt::format("/a/{}", i)));
    lines.push_back(decision_line("dns", "deny", "dns_name", fmt::format(R"(,"host":"x{}.test")", i)));
  }
  const std::string once = suggested(lines);
  std::ranges::reverse(lines);
  CHECK(suggested(lines) == once);
}

TEST_CASE("names_of_rules_are_names_and_each_stands_once") {
  const std::string long_name = std::string(60, 'a') + "." + std::string(60, 'b') + ".test";
  const std::string other = std::string(60, 'a') + "." + std::string(60, 'c') + ".test";
  loaded(suggested(
      {passed(long_name), passed(other), passed("_x.test"), passed("other"), passed("a_b.test"), passed("a-b.test")}));
}
