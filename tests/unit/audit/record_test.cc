#include "audit/record.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "audit/fields.h"
#include "policy/credential_spec.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

template <class Record>
nlohmann::json json_of(const Record& record) {
  std::string body;
  append_body(body, record);
  CAPTURE(body);
  REQUIRE(nlohmann::json::accept("{" + body + "}"));
  return nlohmann::json::parse("{" + body + "}");
}

policy::RuleInfo rule(std::string name) {
  return {.policy = "agents",
          .rule = std::move(name),
          .place = "agents.yaml:12",
          .action = policy::Action::kAllow,
          .note = ""};
}

TEST_CASE("decision_record_has_every_field_it_was_given") {
  const auto github = rule("github");
  policy::CredentialSpec credential;
  credential.name = "github-bot";
  const Labels labels{{"role", "agent"}, {"team", "x\"y"}};
  const DecisionRecord record{
      .id = DecisionId::make(),
      .subject = {.guest = &guest(), .epoch = Epoch{0xabc}, .labels = &labels},
      .layer = policy::Layer::kHttp,
      .decision = {.action = policy::Action::kAllow,
                   .reason = policy::Reason::kRule,
                   .rule = &github,
                   .credential = &credential,
                   .would = {}},
      .generation = 3,
      .sni = "github.com",
      .host = "github.com",
      .destination = *IpAddress::parse("198.18.0.4"),
      .port = kHttpsPort,
      .method = "GET",
      .path = "/a/b",
      .query = "token=s3cret&page=2",
      .upgrade = "websocket",
      .action = "git push acme/w refs/heads/main (delete)",
  };
  const nlohmann::json expected = {
      {"type", "decision"},
      {"decision_id", std::string(record.id.text())},
      {"guest", "builder-7"},
      {"epoch", "0000000000000abc"},
      {"labels", {{"role", "agent"}, {"team", "x\"y"}}},
      {"layer", "http"},
      {"decision", "allow"},
      {"reason", "rule"},
      {"policy", "agents"},
      {"rule", "github"},
      {"place", "agents.yaml:12"},
      {"generation", 3},
      {"sni", "github.com"},
      {"host", "github.com"},
      {"destination", "198.18.0.4"},
      {"port", 443},
      {"method", "GET"},
      {"path", "/a/b?token=*&page=*"},
      {"upgrade", "websocket"},
      {"action", "git push acme/w refs/heads/main (delete)"},
      {"credential", "github-bot"},
  };
  CHECK(json_of(record) == expected);
}

TEST_CASE("a_decision_that_people_made_names_them") {
  const std::vector<std::string> approvers = {"alice", "b\"ob\x1b"};
  std::string body;
  append_body(body, DecisionRecord{.id = DecisionId::make(),
                                   .decision = {.action = policy::Action::kAllow, .would = {}},
                                   .review_id = "01TICKET",
                                   .approvers = approvers});
  const auto json = nlohmann::json::parse("{" + body + "}");
  CHECK(json["review_id"] == "01TICKET");
  CHECK(json["approvers"] == nlohmann::json{"alice", R"(b"ob\x1b)"});
  // A reader of top-level fields passes over the list.
  const std::string line = R"({"schema_version":1,)" + body + R"(,"after":"x"})";
  CHECK(field(line, "review_id") == "01TICKET");
  CHECK(field(line, "after") == "x");
  CHECK(field(line, "approvers").starts_with(R"(["alice",)"));
}

TEST_CASE("a_review_record_says_what_was_asked_and_who_decided") {
  const auto stacks = rule("stacks");
  const ReviewRecord record{.review_id = "01TICKET",
                            .change = "rejected",
                            .subject = {.guest = &guest(), .epoch = Epoch{1}},
                            .host = "api.hold.test",
                            .port = kHttpsPort,
                            .method = "DELETE",
                            .path = "/v1/st\nacks",
                            .query = "token=s3cret&force",
                            .action = "DELETE /v1/st\nacks",
                            .rule = &stacks,
                            .by = ReviewRecord::Person{.uid = 1002, .name = "bob"},
                            .approvals = 1,
                            .approvals_needed = 2,
                            .comment = "no\x1b[0m \"never\""};
  const nlohmann::json expected = {{"type", "review"},
                                   {"review_id", "01TICKET"},
                                   {"change", "rejected"},
                                   {"guest", "builder-7"},
                                   {"epoch", "0000000000000001"},
                                   {"host", "api.hold.test"},
                                   {"port", 443},
                                   {"method", "DELETE"},
                                   {"path", R"(/v1/st\x0aacks?token=*&*)"},
                                   {"action", R"(DELETE /v1/st\x0aacks)"},
                                   {"policy", "agents"},
                                   {"rule", "stacks"},
                                   {"place", "agents.yaml:12"},
                                   {"by", "bob"},
                                   {"by_uid", 1002},
                                   {"approvals", 1},
                                   {"approvals_needed", 2},
                                   {"comment", R"(no\x1b[0m "never")"}};
  CHECK(json_of(record) == expected);
}

TEST_CASE("a_review_record_without_a_person_names_nobody") {
  const auto json = json_of(ReviewRecord{.review_id = "01TICKET", .change = "expired"});
  CHECK(json["approvals"] == 0);
  for (const char* absent : {"by", "by_uid", "comment", "action", "host", "port", "path", "policy", "guest"}) {
    CHECK_FALSE(json.contains(absent));
  }
}

TEST_CASE("fields_that_do_not_apply_are_left_out") {
  const auto json =
      json_of(DecisionRecord{.id = DecisionId::make(), .decision = {.reason = policy::Reason::kNoPolicy, .would = {}}});
  CHECK(json["decision"] == "deny");
  CHECK(json["reason"] == "no_policy");
  for (const char* absent :
       {"guest", "epoch", "labels", "policy", "rule", "place", "sni", "host", "destination", "port", "method", "path",
        "upgrade", "action", "credential", "would", "count", "review_id", "approvers"}) {
    CHECK_FALSE(json.contains(absent));
  }
}

TEST_CASE("audit_mode_records_what_enforce_would_have_said") {
  const auto metadata = rule("no-metadata");
  const auto json = json_of(DecisionRecord{
      .id = DecisionId::make(),
      .decision = {.action = policy::Action::kAllow,
                   .reason = policy::Reason::kAuditMode,
                   .would = policy::Decision::Would{policy::Action::kDeny, policy::Reason::kRule, &metadata}}});
  CHECK(json["decision"] == "allow");
  CHECK(json["would"] == nlohmann::json{{"decision", "deny"},
                                        {"reason", "rule"},
                                        {"policy", "agents"},
                                        {"rule", "no-metadata"},
                                        {"place", "agents.yaml:12"}});
}

TEST_CASE("end_record_says_what_was_reached_and_how_it_ended") {
  const EndRecord record{.id = DecisionId::make(),
                         .subject = {.guest = &guest(), .epoch = Epoch{1}},
                         .layer = policy::Layer::kTls,
                         .host = "pip.acme.example",
                         .port = kHttpsPort,
                         .dialled = *IpAddress::parse("2001:db8::7"),
                         .bytes_up = 517,
                         .bytes_down = 10'000'000'000,
                         .duration = std::chrono::microseconds(1'234'999),
                         .outcome = Outcome::kOriginReset,
                         .reason = policy::Reason::kOriginTls,
                         .detail = "certificate_expired"};
  const auto json = json_of(record);
  CHECK(json["reason"] == "origin_tls");
  CHECK(json["detail"] == "certificate_expired");
  CHECK(json["type"] == "end");
  CHECK(json["decision_id"] == std::string(record.id.text()));
  CHECK(json["dialled_ip"] == "2001:db8::7");
  CHECK(json["bytes_up"] == 517);
  CHECK(json["bytes_down"] == 10'000'000'000);
  CHECK(json["duration_ms"] == 1234);
  CHECK(json["outcome"] == "origin_reset");
}

TEST_CASE("event_and_datapath_records_carry_their_counts") {
  CHECK(json_of(EventRecord{.event = "policy_reload", .generation = 4}) ==
        nlohmann::json{{"type", "event"}, {"event", "policy_reload"}, {"generation", 4}});
  CHECK(json_of(EventRecord{.event = "limit_decisions", .subject = {.guest = &guest()}, .count = 12})["count"] == 12);
  const Labels after{{"role", "a,b=c by uid 0"}};
  const Labels before{{"role", "x\",\"y"}};
  const auto changed = json_of(
      EventRecord{.event = "guest_labels", .subject = {.guest = &guest(), .labels = &after}, .before = &before});
  CHECK(changed["labels"] == nlohmann::json{{"role", "a,b=c by uid 0"}});
  CHECK(changed["labels_before"] == nlohmann::json{{"role", "x\",\"y"}});
  const Labels none;
  CHECK(json_of(EventRecord{.event = "guest_labels", .before = &none})["labels_before"] == nlohmann::json::object());
  const auto drops = json_of(DatapathRecord{.subject = {.guest = &guest()}, .drop = "ip_src_spoof", .count = 9});
  CHECK(drops["type"] == "datapath");
  CHECK(drops["drop"] == "ip_src_spoof");
  CHECK(drops["count"] == 9);
}

TEST_CASE("time_is_rfc3339_in_utc_with_microseconds") {
  const auto text = [](std::int64_t microseconds) {
    std::string out;
    append_time(out, WallClock::time_point(std::chrono::microseconds(microseconds)));
    return out;
  };
  CHECK(text(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(text(1'738'324'799'000'042) == "2025-01-31T11:59:59.000042Z");
  CHECK(text(1'738'324'799'999'999) == "2025-01-31T11:59:59.999999Z");
  CHECK(text(1'709'164'800'000'000) == "2024-02-29T00:00:00.000000Z");
}

/// Every text field of every record, filled with the same text.
std::vector<std::string> bodies_full_of(std::string_view text) {
  std::vector<std::string> bodies(4);
  append_body(bodies[0],
              DecisionRecord{
                  .id = DecisionId::make(), .sni = text, .host = text, .method = text, .path = text, .action = text});
  append_body(bodies[1], EndRecord{.id = DecisionId::make(), .host = text});
  append_body(bodies[2], EventRecord{.event = "x", .detail = text});
  append_body(bodies[3], DatapathRecord{.drop = text});
  return bodies;
}

TEST_CASE("invariant_10_guest_text_cannot_forge_a_line_or_reach_a_terminal") {
  const std::string hostile[] = {
      "a\nb",
      "a\r\nb",
      "\",\"decision\":\"allow",
      "\\",
      "\\\"",
      "\\n",
      std::string("nul\0nul", 7),
      "\x1b[2J\x1b]0;title\x07",
      "\x1b]8;;http://evil/\x1b\\click\x1b]8;;\x1b\\",
      "\xe2\x80\xae"
      "drowssap",                      // RIGHT-TO-LEFT OVERRIDE
      "\xff\xfe\xc0\xaf\xed\xa0\x80",  // never UTF-8
      "\xc2\x9b"
      "31m",
      "\x7f\x80\x9b",
      "</script>",
      "{}[],:",
      std::string(64 * 1024, '\n'),
      std::string(64 * 1024, '"'),
      std::string(64 * 1024, '\\'),
  };
  for (const std::string& text : hostile) {
    for (const std::string& body : bodies_full_of(text)) {
      CAPTURE(body);
      CHECK(body.find_first_not_of(" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                   "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos);
      const auto parsed = nlohmann::json::parse("{" + body + "}", nullptr, false);
      REQUIRE_FALSE(parsed.is_discarded());
      CHECK(parsed.value("decision", "deny") == "deny");
      CHECK(body.size() < 24 * 1024);
    }
  }
}

TEST_CASE("a_long_field_keeps_both_ends_its_length_and_its_hash") {
  const std::string text = "BEGIN" + std::string(60'000, 'x') + "/denied-tail";
  const auto json = json_of(DecisionRecord{.id = DecisionId::make(), .path = text});
  const auto path = json["path"].get<std::string>();
  CHECK(path.starts_with("BEGINxxx"));
  CHECK(path.ends_with("/denied-tail"));
  CHECK(path.find("60017 bytes, sha256 ") != std::string::npos);
  CHECK(path.size() < 1024);
}

}  // namespace
}  // namespace enforcer::audit
