#include "audit/filter.h"

#include <doctest/doctest.h>

#include "audit/fields.h"
#include "audit/record.h"

namespace enforcer::audit {
namespace {

std::string line(const DecisionRecord& record) {
  std::string out = R"({"schema_version":1,"seq":9,"time":"2025-01-31T12:00:00.000000Z",)";
  append_body(out, record);
  return out + "}";
}

struct Example {
  GuestName guest = *GuestName::parse("alpha");
  Labels labels{{"guest", "beta"}, {"decision", "allow"}};
  policy::RuleInfo rule{
      .policy = "agents", .rule = "github", .place = "p.yaml:3", .action = policy::Action::kDeny, .note = ""};
  DecisionId id = DecisionId::make();
  std::string text = line({.id = id,
                           .subject = {.guest = &guest, .epoch = Epoch{1}, .labels = &labels},
                           .layer = policy::Layer::kTls,
                           .decision = {.reason = policy::Reason::kRule, .rule = &rule, .would = {}},
                           .sni = "sni\"\n.example",
                           .host = "github.com",
                           .destination = *IpAddress::parse("198.18.0.1"),
                           .port = kHttpsPort});
};

TEST_CASE("each_condition_accepts_what_it_names_and_refuses_the_rest") {
  const Example example;
  const std::string& text = example.text;
  CHECK(Filter{}.matches(text));
  CHECK(Filter{.guest = "alpha"}.matches(text));
  CHECK_FALSE(Filter{.guest = "beta"}.matches(text));
  CHECK(Filter{.decision_id = std::string(example.id.text())}.matches(text));
  CHECK_FALSE(Filter{.decision_id = std::string(DecisionId::make().text())}.matches(text));
  CHECK(Filter{.host = "github.com"}.matches(text));
  CHECK(Filter{.host = "sni\"\n.example"}.matches(text));
  CHECK(Filter{.host = "198.18.0.1"}.matches(text));
  CHECK_FALSE(Filter{.host = "github"}.matches(text));
  CHECK(Filter{.rule = "agents/github"}.matches(text));
  CHECK_FALSE(Filter{.rule = "agents/gitlab"}.matches(text));
  CHECK(Filter{.layer = "tls"}.matches(text));
  CHECK_FALSE(Filter{.layer = "dns"}.matches(text));
  CHECK(Filter{.type = "decision"}.matches(text));
  CHECK_FALSE(Filter{.type = "end"}.matches(text));
  CHECK(Filter{.reason = "rule"}.matches(text));
  CHECK_FALSE(Filter{.reason = "name"}.matches(text));
  CHECK(Filter{.decisions = {"review", "deny"}}.matches(text));
  CHECK_FALSE(Filter{.decisions = {"allow"}}.matches(text));
}

TEST_CASE("since_compares_with_the_time_of_the_record") {
  const std::string text = Example().text;
  const WallClock::time_point noon{std::chrono::seconds(1'738'324'800)};
  CHECK(Filter{.since = noon}.matches(text));
  CHECK(Filter{.since = noon - std::chrono::hours(1)}.matches(text));
  CHECK_FALSE(Filter{.since = noon + std::chrono::microseconds(1)}.matches(text));
}

TEST_CASE("conditions_must_hold_together") {
  const std::string text = Example().text;
  CHECK(Filter{.guest = "alpha", .layer = "tls", .decisions = {"deny"}}.matches(text));
  CHECK_FALSE(Filter{.guest = "alpha", .layer = "dns", .decisions = {"deny"}}.matches(text));
}

TEST_CASE("fields_are_read_at_the_top_level_only") {
  const std::string text =
      R"({"schema_version":1,"labels":{"guest":"inner","x":{"y":"}"}},"guest":"outer","text":"a\"},\\","port":443})";
  CHECK(field(text, "guest") == "outer");
  CHECK(field(text, "text") == R"(a\"},\\)");
  CHECK(field(text, "port") == "443");
  CHECK(field(text, "labels") == R"({"guest":"inner","x":{"y":"}"}})");
  CHECK(field(text, "inner").empty());
}

TEST_CASE("broken_lines_are_read_without_a_crash") {
  const std::string text = Example().text;
  for (std::size_t length = 0; length < text.size(); ++length) {
    const std::string cut = text.substr(0, length);
    CHECK_FALSE((length > 0 && cut.back() != '}' && is_record(cut)));
    (void)Filter{.guest = "alpha"}.matches(cut);
  }
  for (const char* broken : {"", "{", "{}", "{\"a\"", "{\"a\":", "{\"a\":}", "{a:1}", "[1]", "{\"a\":\"\\"}) {
    CHECK(field(broken, "b").empty());
  }
}

}  // namespace
}  // namespace enforcer::audit
