// Decisions of the past, asked again: what is known is answered, what is not known is never guessed.
#include "enforcerctl/replay.h"

#include "log_lines.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

/// "allow new/a", "deny", "unknown", "no policy decides".
std::string again(const std::vector<std::string>& lines, std::string_view spec) {
  const History history = history_of(lines);
  REQUIRE(history.decisions().size() == 1);
  const auto answer = replay(history.decisions()[0], *agent_rules(spec), kLogRead);
  if (!answer) return "no policy decides";
  return std::string(label(answer->fate)) + (answer->rule.empty() ? "" : " " + answer->rule);
}

std::string again(const std::string& line, std::string_view spec) {
  return again(std::vector{line}, spec);
}

constexpr std::string_view kPlain = "allow: [{name: a, to: [a.test]}]";

}  // namespace

TEST_CASE("connections_are_decided_by_name_and_port") {
  CHECK(again(passed("a.test"), kPlain) == "allow new/a");
  CHECK(again(passed("b.test"), kPlain) == "deny");
  CHECK(again(passed("a.test", 8443), kPlain) == "deny");
  CHECK(again(passed("a.test"), "allow: [{name: a, to: [a.test, b.test]}], deny: [{name: d, to: [a.test]}]") ==
        "deny new/d");
  CHECK(again(passed("a.test"), "review: [{name: v, to: [a.test]}]") == "review new/v");
  CHECK(again(passed("a.test"), "allow: [{name: a, to: [a.test], expires: 2026-02-01T00:00:00Z}]") == "deny");
  CHECK(again(passed("a.test"), "allow: [{name: a, to: [a.test], expires: 2026-03-01T00:00:00Z}]") == "allow new/a");
}

TEST_CASE("a_guest_that_the_policies_do_not_select_is_denied") {
  History history("", {});
  std::string line = passed("a.test");
  line.replace(line.find("agent"), 5, "other");
  REQUIRE(history.add(line));
  CHECK(replay(history.decisions()[0], *agent_rules(kPlain), kLogRead)->fate == Fate::kDeny);
}

TEST_CASE("requests_that_were_not_seen_cannot_be_told") {
  CHECK(again(passed("a.test"), "allow: [{name: a, to: [a.test], http: [{methods: [GET]}]}]") == "unknown");
  CHECK(again(passed("a.test"),
              "allow: [{name: a, to: [a.test]}], deny: [{name: d, to: [a.test], http: [{methods: "
              "[PUT]}]}]") == "unknown");
}

TEST_CASE("requests_are_decided_by_method_and_path") {
  constexpr std::string_view kRule = "allow: [{name: a, to: [a.test], http: [{methods: [GET], paths: [/x/*]}]}]";
  CHECK(again(requested("a.test", "GET", "/x/1?q=*"), kRule) == "allow new/a");
  CHECK(again(requested("a.test", "PUT", "/x/1"), kRule) == "deny");
  CHECK(again(requested("a.test", "GET", "/y"), kRule) == "deny");
  CHECK(again(requested("a.test", "GET", "/y"), kPlain) == "allow new/a");  // would pass through
}

TEST_CASE("headers_and_values_of_the_query_are_never_guessed") {
  constexpr std::string_view kHeader = "allow: [{name: a, to: [a.test], http: [{paths: [/x], headers: {x-a: b}}]}]";
  CHECK(again(requested("a.test", "GET", "/x"), kHeader) == "unknown new/a");
  CHECK(again(requested("a.test", "GET", "/y"), kHeader) == "deny");  // whatever the header
  constexpr std::string_view kDenied =
      "allow: [{name: a, to: [a.test]}], deny: [{name: d, to: [a.test], http: [{headers: {x-a: b}}]}]";
  CHECK(again(requested("a.test", "GET", "/x"), kDenied) == "unknown new/d");
  constexpr std::string_view kQuery = "allow: [{name: a, to: [a.test], http: [{query: {q: b}}]}]";
  CHECK(again(requested("a.test", "GET", "/x?q=*"), kQuery) == "unknown new/a");
  CHECK(again(requested("a.test", "GET", "/x"), kQuery) == "deny");  // there was none
  // Whatever another rule does not know, this one does.
  CHECK(again(requested("a.test", "GET", "/x"),
              "allow: [{name: a, to: [a.test], http: [{headers: {x-a: b}}]}, {name: b, to: [a.test], http: [{methods: "
              "[GET]}]}]") == "allow new/b");
  CHECK(again(requested("a.test", "GET", "/x"), "allow: [{name: a, to: [a.test], foreignCredentials: deny}]") ==
        "unknown");
}

TEST_CASE("actions_are_those_of_the_record") {
  constexpr std::string_view kAws = "allow: [{name: a, to: [ce.us-east-1.amazonaws.com], aws: {actions: ['ce:Get*']}}]";
  const auto call = [](std::string_view action) {
    return requested("ce.us-east-1.amazonaws.com", "POST", "/",
                     action.empty() ? "" : fmt::format(R"(,"action":"{}")", action));
  };
  CHECK(again(call("ce:GetCostAndUsage"), kAws) == "allow new/a");
  CHECK(again(call("ce:DeleteReport"), kAws) == "deny");
  CHECK(again(call(""), kAws) == "unknown new/a");

  constexpr std::string_view kGit = "allow: [{name: a, to: [git.test], git: {repos: [acme/w], operations: [fetch]}}]";
  CHECK(again(requested("git.test", "POST", "/acme/w.git/git-upload-pack"), kGit) == "allow new/a");
  CHECK(again(requested("git.test", "POST", "/acme/w.git/git-receive-pack"), kGit) == "deny");
  const std::string refs = "/acme/w.git/info/refs?service=*";
  CHECK(again(requested("git.test", "GET", refs), kGit) == "unknown new/a");
  CHECK(again(requested("git.test", "GET", refs, R"(,"action":"git fetch acme/w")"), kGit) == "allow new/a");
  CHECK(again(requested("git.test", "GET", refs, R"(,"action":"git push acme/w")"), kGit) == "deny");
  CHECK(again(requested("git.test", "GET", "/acme/other.git/info/refs?service=*"), kGit) == "deny");
}

TEST_CASE("a_websocket_needs_a_rule_that_says_so") {
  const std::string asked = requested("a.test", "GET", "/socket", R"(,"upgrade":"websocket")");
  CHECK(again(asked, "allow: [{name: a, to: [a.test], websocket: true}]") == "allow new/a");
  CHECK(again(asked, "allow: [{name: a, to: [a.test], http: [{methods: [GET]}]}]") == "deny");
  CHECK(again(requested("a.test", "GET", "/socket"), "allow: [{name: a, to: [a.test], http: [{methods: [GET]}]}]") ==
        "allow new/a");
}

TEST_CASE("on_a_port_that_may_speak_either_both_are_asked") {
  constexpr std::string_view kEither = "allow: [{name: a, to: ['a.test:8080'], http: [{methods: [GET]}]}]";
  CHECK(again(requested("a.test", "GET", "/", "", 8080), kEither) == "allow new/a");
  CHECK(again(decision_line("l4", "deny", "name", at("a.test", 8080)), "allow: [{name: a, to: ['a.test:8080']}]") ==
        "allow new/a");
  CHECK(again(decision_line("l4", "deny", "name", at("a.test", 8080)), kEither) == "unknown");
}

TEST_CASE("a_name_that_was_denied_resolves_where_a_rule_could_allow_it") {
  std::string host;
  audit::append_text_field(host, "host", "a.test");
  CHECK(again(decision_line("dns", "deny", "dns_name", host), kPlain) == "allow new/a");
  CHECK(again(decision_line("dns", "deny", "dns_name", host), "allow: [{name: a, to: [b.test]}]") == "deny");
}

TEST_CASE("what_no_policy_decides_is_left_alone") {
  for (const char* reason : {"limit_conn", "dns_rate", "origin_resolve", "dst_metadata", "audit_unavailable"}) {
    CHECK(again(decision_line("l4", "deny", reason, at("a.test", 443)), kPlain) == "no policy decides");
  }
  CHECK(again(decision_line("l4", "deny", "limit_conn", R"(,"destination":"198.18.0.1","port":443)"), kPlain) ==
        "no policy decides");
  CHECK(again(decision_line("dns", "deny", "dns_malformed", ""), kPlain) == "no policy decides");
}

TEST_CASE("what_was_wrong_with_bytes_matters_where_they_are_looked_at") {
  const std::string unknown = decision_line("l4", "deny", "proto_unknown", at("db.test", 5432));
  CHECK(again(unknown, "allow: [{name: a, to: ['db.test:5432']}]") == "deny");
  CHECK(again(unknown, "allow: [{name: a, to: ['db.test:5432'], protocol: tcp}]") == "allow new/a");
  const std::string malformed = decision_line("http", "deny", "h1_malformed", at("a.test", 443));
  CHECK(again(malformed, "allow: [{name: a, to: [a.test], http: [{methods: [GET]}]}]") == "deny");
  CHECK(again(malformed, kPlain) == "allow new/a");
}

TEST_CASE("the_address_guard_judges_what_was_dialled") {
  CHECK(again({passed("a.test"), ended("93.184.216.34")}, kPlain) == "allow new/a");
  CHECK(again({passed("a.test"), ended("10.0.0.7")}, kPlain) == "deny new/a");
  constexpr std::string_view kPrivate = "allow: [{name: a, to: [a.test], private: true}]";
  CHECK(again({passed("a.test"), ended("10.0.0.7")}, kPrivate) == "allow new/a");
  CHECK(again({passed("a.test"), ended("10.0.0.7", "another")}, kPlain) == "allow new/a");  // not its end
  CHECK(again({passed("a.test"), ended("93.184.216.34")},
              "allow: [{name: a, to: [a.test]}], deny: [{name: d, to: [93.184.216.0/24]}]") == "deny new/d");
  const std::string closed = decision_line("tls", "deny", "dst_private", at("a.test", 443));
  CHECK(again(closed, kPlain) == "deny");
  CHECK(again(closed, kPrivate) == "allow new/a");
  const std::string literal = R"(,"destination":"10.0.0.7","port":22)";
  CHECK(again(decision_line("l4", "deny", "dst_private", literal),
              "allow: [{name: a, to: ['10.0.0.7:22'], protocol: tcp, private: true}]") == "allow new/a");
}

TEST_CASE("an_encrypted_name_matters_to_rules_that_never_look") {
  constexpr std::string_view kNever = "allow: [{name: a, to: [a.test], inspect: never}]";
  CHECK(again(passed("a.test"), kNever) == "allow new/a");  // it had none, or it would not have passed
  CHECK(again(requested("a.test", "GET", "/"), kNever) == "unknown");
  const std::string encrypted = decision_line("tls", "deny", "ech_present", at("a.test", 443));
  CHECK(again(encrypted, kNever) == "deny new/a");
  CHECK(again(encrypted, kPlain) == "allow new/a");
}

TEST_CASE("audit_mode_is_asked_for_what_it_does") {
  CHECK(again(passed("b.test"), "mode: audit, allow: [{name: a, to: [a.test]}]") == "allow new/audit-mode");
}

TEST_CASE("equal_decisions_are_one_with_their_count") {
  const History history = history_of({passed("a.test"), passed("a.test"), passed("b.test"),
                                      decision_line("dns", "deny", "dns_name", R"(,"host":"x.test","count":7)"),
                                      "not a record", R"({"type":"event"})"});
  REQUIRE(history.decisions().size() == 3);
  CHECK(history.decisions()[0].count == 2);
  CHECK(history.decisions()[2].count == 7);
  CHECK(history.count() == 10);
  History others("g2", {});
  REQUIRE(others.add(passed("a.test")));
  CHECK(others.decisions().empty());
  History labelled("", {{"role", "agent"}, {"team", "x"}});
  REQUIRE(labelled.add(passed("a.test")));
  CHECK(labelled.decisions().empty());
}
