// Held requests in the API: their JSON, who may decide, and the stream of changes.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/json.h"
#include "control/route.h"
#include "fake_daemon.h"

using namespace enforcer;
using namespace enforcer::control;
using namespace enforcer::control::testing;

namespace {

std::string verdict_body(std::string_view comment = "") {
  return encode_verdict({.fingerprint = sample_fingerprint(), .comment = std::string(comment)});
}

std::string target_of(const review::Ticket& ticket, std::string_view what = "") {
  return "/v1/reviews/" + std::string(ticket.id.text()) + std::string(what);
}

}  // namespace

TEST_CASE("a_ticket_is_read_back_as_it_was_said") {
  review::Ticket ticket = SampleTicket{.query = "a=1", .approvals_needed = 2, .clients = 3}.make();
  ticket.approvals.push_back({.by = {.uid = 1001, .name = "alice"}, .at = ticket.asked, .comment = "ok"});
  const auto info = decode_review(encode_review(ticket));
  REQUIRE_MESSAGE(info.has_value(), (info ? "" : info.error().message));
  CHECK(info->id == ticket.id.text());
  CHECK(info->state == "pending");
  CHECK(info->clients == 3);
  CHECK(info->approvals_needed == 2);
  REQUIRE(info->approvals.size() == 1);
  CHECK(info->approvals[0].by.uid == 1001);
  CHECK(info->approvals[0].by.name == "alice");
  CHECK(info->approvals[0].comment == "ok");
  CHECK_FALSE(info->rejection.has_value());
  CHECK(info->guest == "agent-1");
  CHECK(info->labels == Labels{{"role", "agent"}});
  CHECK(info->domain == "acme.co.uk");
  CHECK(info->host == "stacks.eu.acme.co.uk");
  CHECK(info->port == 443);
  CHECK(info->scheme == "https");
  CHECK(info->action == "cloudformation:DeleteStack");
  CHECK(info->policy == "agent");
  CHECK(info->rule == "destroy");
  CHECK(info->place == "agent.yaml:12");
  CHECK(info->note == "Deleting needs a second pair of eyes.");
  CHECK(info->credential == "deploy-key");
  CHECK(info->query == std::optional<std::string>("a=1"));
  REQUIRE(info->fields.size() == 1);
  CHECK(info->fields[0].name == "content-type");
  CHECK(info->body_octets == 33);
  CHECK(info->body_start == "Action=DeleteStack&StackName=prod");
  CHECK(info->fingerprint == sample_fingerprint());
  CHECK(info->asked == ticket.asked);
  CHECK(info->expires == ticket.expires);
}

TEST_CASE("no_query_is_not_an_empty_one") {
  CHECK_FALSE(decode_review(encode_review(SampleTicket{}.make()))->query.has_value());
  CHECK(decode_review(encode_review(SampleTicket{.query = ""}.make()))->query == std::optional<std::string>(""));
}

TEST_CASE("a_rejection_and_the_person_behind_a_change_are_read_back") {
  review::Ticket ticket = SampleTicket{.state = review::State::kRejected}.make();
  ticket.rejection = review::Verdict{.by = {.uid = 7, .name = "7"}, .at = ticket.asked, .comment = "no"};
  const auto by_somebody = decode_review_news(
      encode_review_news({.change = "rejected", .by = review::Reviewer{.uid = 7, .name = "7"}, .ticket = ticket}));
  REQUIRE(by_somebody.has_value());
  CHECK(by_somebody->change == "rejected");
  REQUIRE(by_somebody->by.has_value());
  CHECK(by_somebody->by->uid == 7);
  REQUIRE(by_somebody->review.rejection.has_value());
  CHECK(by_somebody->review.rejection->comment == "no");
  const auto by_nobody = decode_review_news(encode_review_news({.change = "expired", .by = {}, .ticket = ticket}));
  CHECK_FALSE(by_nobody->by.has_value());
}

TEST_CASE("a_line_of_the_stream_is_one_line_of_printable_ascii_whatever_the_guest_wrote") {
  const std::string hostile = "/a\n\x1b]8;;http://evil\x07\xe2\x80\xae\xff\"\\\r";
  const std::string line =
      encode_review_news({.change = "asked",
                          .by = {},
                          .ticket = SampleTicket{.action = hostile, .path = hostile, .body = hostile}.make()});
  for (const char c : line) CHECK((c >= 0x20 && c < 0x7f));
  const auto back = decode_review_news(line);
  REQUIRE(back.has_value());
  CHECK(back->review.path == R"(/a\x0a\x1b]8;;http://evil\x07\xe2\x80\xae\xff"\x5c\x0d)");
}

TEST_CASE("what_no_daemon_says_about_a_review_is_refused") {
  const auto good = nlohmann::json::parse(encode_review(SampleTicket{}.make()));
  REQUIRE(decode_review(good.dump()).has_value());
  for (const auto& [name, value] : good["review"].items()) {
    if (name == "rejection" || name == "query" || name == "labels" || name == "decided_after") continue;
    CAPTURE(name);
    auto broken = good;
    broken["review"][name] = nlohmann::json::array({nullptr});
    const auto decoded = decode_review(broken.dump());
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().code == Errc::kIo);
  }
  CHECK_FALSE(decode_review(R"({"api_version":"v1","review":[]})").has_value());
  CHECK_FALSE(decode_reviews(R"({"api_version":"v1","reviews":[1]})").has_value());
  CHECK_FALSE(decode_review_news(R"({"api_version":"v1","change":"asked","review":{}})").has_value());
}

TEST_CASE("a_verdict_names_the_request_that_was_seen") {
  const auto read = [](std::string_view text) { return decode_verdict(text, ReviewDecision::Say::kApprove, "ID"); };
  const auto good = read(verdict_body("why\n"));
  REQUIRE(good.has_value());
  CHECK(good->id == "ID");
  CHECK(good->fingerprint == sample_fingerprint());
  CHECK(good->comment == "why\n");
  CHECK(read("{\"fingerprint\":\"" + sample_fingerprint() + "\"}").has_value());  // a comment is optional
  CHECK(read(verdict_body(std::string(1024, 'x'))).has_value());
  CHECK_FALSE(read(verdict_body(std::string(1025, 'x'))).has_value());
  for (const std::string& fingerprint :
       {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'), std::string(63, 'a') + "g"}) {
    CAPTURE(fingerprint);
    const auto bad = read("{\"comment\":\"\",\"fingerprint\":\"" + fingerprint + "\"}");
    REQUIRE_FALSE(bad.has_value());
    CHECK(bad.error().message == "field \"fingerprint\" is not 64 hex digits in lower case");
  }
  CHECK_FALSE(read(R"({"comment":"yes"})").has_value());
  CHECK_FALSE(read("{\"coment\":\"\",\"fingerprint\":\"" + sample_fingerprint() + "\"}").has_value());
}

TEST_CASE("everything_about_reviews_needs_a_reviewer") {
  for (const auto& [method, path, endpoint] :
       {std::tuple{"GET", "/v1/reviews", control::Endpoint::kReviews},
        std::tuple{"GET", "/v1/reviews/X", control::Endpoint::kReview},
        std::tuple{"GET", "/v1/reviews/watch", control::Endpoint::kWatchReviews},
        std::tuple{"POST", "/v1/reviews/X/approve", control::Endpoint::kApproveReview},
        std::tuple{"POST", "/v1/reviews/X/reject", control::Endpoint::kRejectReview}}) {
    CAPTURE(path);
    const auto match = find_route(method, *parse_request_target(path));
    REQUIRE(match.has_value());
    CHECK(match->endpoint == endpoint);
    CHECK(match->role == Role::kReviewer);
  }
  CHECK(find_route("GET", *parse_request_target("/v1/reviews/X/approve")).error().allow == "POST");
  CHECK(find_route("DELETE", *parse_request_target("/v1/reviews/X")).error().allow == "GET");
}

TEST_CASE("an_admin_is_no_reviewer_and_a_reviewer_no_admin_but_root_is_both") {
  const RoleGroups groups{.viewer = 1, .reviewer = 2, .admin = 3};
  const auto may = [&](uid_t uid, std::vector<gid_t> of, Role role) {
    return may_act_as({.uid = uid, .pid = 1, .groups = std::move(of)}, groups, role);
  };
  CHECK(may(0, {}, Role::kReviewer));
  CHECK(may(5, {2}, Role::kReviewer));
  CHECK(may(5, {3, 2}, Role::kReviewer));
  CHECK_FALSE(may(5, {3}, Role::kReviewer));
  CHECK_FALSE(may(5, {1}, Role::kReviewer));
  CHECK_FALSE(may(5, {}, Role::kReviewer));
  CHECK(may(5, {3}, Role::kAdmin));
  CHECK_FALSE(may(5, {2}, Role::kAdmin));
  CHECK(may(5, {2}, Role::kViewer));
  CHECK(may(5, {3}, Role::kViewer));
  // A group that does not exist gives its role to nobody.
  CHECK_FALSE(may_act_as({.uid = 5, .pid = 1, .groups = {0, 2}}, RoleGroups{}, Role::kReviewer));
}

TEST_CASE("accounts_have_names_and_what_has_none_its_digits") {
  CHECK(account_name(0) == "root");
  CHECK(account_name(4'000'000'123) == "4000000123");
}

TEST_CASE("only_reviewers_decide_over_the_socket") {
  if (geteuid() != 0) {
    MESSAGE("skipped: needs root to become other users");
    return;
  }
  FakeDaemon daemon;
  const review::Ticket ticket = SampleTicket{}.make();
  daemon.locked()->tickets = {ticket};
  const auto statuses = [&](gid_t group) {
    std::vector<unsigned> all;
    as_user(4'200'000, 4'200'000, {group}, [&] {
      all = {daemon.ask("GET", "/v1/reviews").status, daemon.ask("GET", target_of(ticket)).status,
             daemon.ask("GET", "/v1/reviews/watch?x=1").status,
             daemon.ask("POST", target_of(ticket, "/approve"), verdict_body("mine")).status,
             daemon.ask("POST", target_of(ticket, "/reject"), verdict_body()).status};
    });
    return all;
  };
  CHECK(statuses(kViewerGroup) == std::vector<unsigned>(5, 403));
  CHECK(statuses(kAdminGroup) == std::vector<unsigned>(5, 403));
  CHECK(std::ranges::all_of(daemon.shared.calls_now(),
                            [](const std::string& call) { return call.starts_with("refused "); }));
  const std::size_t refused_calls = daemon.shared.calls_now().size();
  // The control: 400 is for the query field, behind the check of the role.
  CHECK(statuses(kReviewerGroup) == std::vector<unsigned>{200, 200, 400, 200, 200});
  CHECK(daemon.shared.calls_now().at(refused_calls) ==
        "approve " + std::string(ticket.id.text()) + " " + sample_fingerprint() + " by 4200000: mine");
  const Reply refused = [&] {
    Reply reply;
    as_user(4'200'000, 4'200'000, {kAdminGroup},
            [&] { reply = daemon.ask("POST", target_of(ticket, "/approve"), verdict_body()); });
    return reply;
  }();
  CHECK(refused.body.contains("root or a member of group enforcer-reviewer"));
}

TEST_CASE("the_backends_refusals_have_their_status") {
  FakeDaemon daemon;
  const review::Ticket ticket = SampleTicket{}.make();
  daemon.locked()->tickets = {ticket};
  CHECK(daemon.ask("GET", "/v1/reviews/NONE").status == 404);
  CHECK(daemon.ask("POST", "/v1/reviews/NONE/approve", verdict_body()).status == 404);
  CHECK(daemon.ask("POST", target_of(ticket, "/approve"), "{}").status == 400);
  daemon.locked()->error = Error{Errc::kConflict, "it has expired"};
  CHECK(daemon.ask("POST", target_of(ticket, "/approve"), verdict_body()).status == 409);
  daemon.locked()->error = Error{Errc::kDenied, "two people have to agree"};
  CHECK(daemon.ask("POST", target_of(ticket, "/approve"), verdict_body()).status == 403);
}

TEST_CASE("a_watcher_hears_of_changes_as_they_come_and_is_known_to_be_there") {
  FakeDaemon daemon;
  const review::Ticket ticket = SampleTicket{}.make();
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = ticket}};
  std::vector<std::string> heard;
  const auto take = [&](std::string_view line) {
    const auto change = decode_review_news(line);
    REQUIRE(change.has_value());
    heard.push_back(change->change);
    CHECK(daemon.locked()->watchers == 1);
    if (heard.size() == 1) daemon.locked()->news.push_back({.change = "expired", .by = {}, .ticket = ticket});
    return heard.size() == 2 ? Wants::kNoMore : Wants::kMore;
  };
  REQUIRE(daemon.client().stream("/v1/reviews/watch", Deadline::after(std::chrono::seconds(10)), take).has_value());
  CHECK(heard == std::vector<std::string>{"standing", "expired"});
  CHECK(eventually([&] { return daemon.locked()->watchers == 0; }));
}

TEST_CASE("a_watcher_that_fell_behind_is_cut_off_and_sees_it") {
  FakeDaemon daemon;
  daemon.locked()->watchers_fall_behind = true;
  daemon.locked()->news = {{.change = "standing", .by = {}, .ticket = SampleTicket{}.make()}};
  int lines = 0;
  const auto ended =
      daemon.client().stream("/v1/reviews/watch", Deadline::after(std::chrono::seconds(10)), [&](std::string_view) {
        ++lines;
        return Wants::kMore;
      });
  CHECK(lines == 1);
  REQUIRE_FALSE(ended.has_value());
  CHECK(ended.error().code == Errc::kIo);
}
