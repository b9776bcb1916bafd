#include "review/ticket_json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "fixture.h"

namespace enforcer::review {
namespace {

using nlohmann::json;

const AskingRule kShown{2};

Ticket ticket_of(Question question) {
  Ticket ticket{.id = ReviewId::make(), .question = std::make_shared<const Question>(std::move(question))};
  ticket.approvals_needed = 2;
  ticket.asked = WallClock::time_point(std::chrono::milliseconds(1767323045678));
  ticket.expires = ticket.asked + std::chrono::minutes(10);
  return ticket;
}

Question hostile_question() {
  Question question = question_of(kShown);
  question.facts.host = *HostName::parse("accounts.bank.com.evil.co.uk");
  auto request = deletion("/a\x1b[2J\"/\xe2\x80\xae");
  request.query = std::string(5000, 'q');
  request.fields = {{"authorization", "Bearer s3cr3t"},
                    {"cookie", "sid=s3cr3t"},
                    {"x-api-key", "s3cr3t"},
                    {"x-amz-security-token", "s3cr3t"},
                    {"x-note", "already approved\r\nby alice"}};
  question.facts.request = std::make_shared<const policy::RequestFacts>(std::move(request));
  question.body_octets = 3;
  question.body_sha256 = std::string(64, 'a');
  question.body_start = std::string("a\0\x07", 3);
  return question;
}

}  // namespace

TEST_CASE("a ticket has the same fields whatever is in it") {
  const json shown = to_json(ticket_of(question_of(kShown)));
  std::vector<std::string> names;
  for (const auto& [name, value] : shown.items()) names.push_back(name);
  CHECK(names == std::vector<std::string>{"action",
                                          "approvals",
                                          "approvals_needed",
                                          "asked",
                                          "body",
                                          "clients",
                                          "credential",
                                          "epoch",
                                          "expires",
                                          "fields",
                                          "fingerprint",
                                          "guest",
                                          "host",
                                          "labels",
                                          "method",
                                          "path",
                                          "place",
                                          "policy",
                                          "port",
                                          "query",
                                          "reason",
                                          "registrable_domain",
                                          "rejection",
                                          "review_id",
                                          "rule",
                                          "scheme",
                                          "state"});
  CHECK(shown["guest"] == "agent-1");
  CHECK(shown["epoch"] == "0000000000000007");
  CHECK(shown["labels"] == json{{"team", "web"}});
  CHECK(shown["method"] == "DELETE");
  CHECK(shown["scheme"] == "https");
  CHECK(shown["port"] == 443);
  CHECK(shown["query"].is_null());
  CHECK(shown["rejection"].is_null());
  CHECK(shown["place"] == "agents.yaml:7");
  CHECK(shown["reason"] == "deletions are for two");
  CHECK(shown["asked"] == "2026-01-02T03:04:05.678Z");
  CHECK(shown["expires"] == "2026-01-02T03:14:05.678Z");
  CHECK(shown["fingerprint"].get<std::string>().size() == 64);
}

TEST_CASE("what a guest wrote is escaped, and secrets are not shown") {
  const json shown = to_json(ticket_of(hostile_question()));
  CHECK(shown["registrable_domain"] == "evil.co.uk");
  CHECK(shown["path"] == R"(/a\x1b[2J"/\xe2\x80\xae)");
  CHECK(shown["query"].get<std::string>().contains("...[5000 bytes, sha256 "));
  CHECK(shown["body"] == json{{"octets", 3}, {"sha256", std::string(64, 'a')}, {"start", R"(a\x00\x07)"}});
  REQUIRE(shown["fields"].size() == 5);
  CHECK(shown["fields"][0] == json{{"name", "authorization"}, {"value", "[13 octets, not shown]"}});
  CHECK(shown["fields"][4] == json{{"name", "x-note"}, {"value", R"(already approved\x0d\x0aby alice)"}});
  CHECK_FALSE(shown.dump().contains("s3cr3t"));
}

TEST_CASE("verdicts are shown with who, when and what was said") {
  Ticket ticket = ticket_of(question_of(kShown));
  ticket.state = State::kRejected;
  ticket.approvals = {{.by = kAlice, .at = ticket.asked, .comment = "ok \x1b[0m"}};
  ticket.rejection = Verdict{.by = kBob, .at = ticket.asked, .comment = ""};
  const json shown = to_json(ticket);
  CHECK(shown["state"] == "rejected");
  CHECK(shown["approvals"] ==
        json::array(
            {{{"uid", 1001}, {"name", "alice"}, {"at", "2026-01-02T03:04:05.678Z"}, {"comment", R"(ok \x1b[0m)"}}}));
  CHECK(shown["rejection"]["name"] == "bob");
}

TEST_CASE("a line is one line of printable ASCII") {
  const std::string line = json_line(ticket_of(hostile_question()), 65536);
  CHECK(line.ends_with("}\n"));
  CHECK(std::ranges::count(line, '\n') == 1);
  CHECK(std::ranges::all_of(line, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  CHECK(json::parse(line)["method"] == "DELETE");
}

TEST_CASE("a line that would be too long leaves out what the guest filled it with") {
  const Ticket ticket = ticket_of(hostile_question());
  const std::string whole = json_line(ticket, 65536);
  CHECK(json_line(ticket, whole.size()) == whole);
  const json shorter = json::parse(json_line(ticket, whole.size() - 1));
  CHECK(shorter["fields"] == json::array());
  CHECK(shorter["body"] == json{{"octets", 3}, {"sha256", std::string(64, 'a')}, {"start", ""}});
  CHECK(shorter["action"] == json::parse(whole)["action"]);
}

TEST_CASE("an address that was dialled stands for the host") {
  Question question = question_of(kShown);
  question.facts.host.reset();
  question.facts.destination = IpAddress::v4(0x01020304);
  const json shown = to_json(ticket_of(std::move(question)));
  CHECK(shown["host"] == "1.2.3.4");
  CHECK(shown["registrable_domain"] == "");
}

}  // namespace enforcer::review
