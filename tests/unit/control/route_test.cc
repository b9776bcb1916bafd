#include "control/route.h"

#include <doctest/doctest.h>

#include "base/percent.h"

using namespace enforcer;
using namespace enforcer::control;

TEST_CASE("splits_and_decodes_a_request_target") {
  const auto target = parse_request_target("/v1/log?guest=a%20b&follow=1&empty=");
  REQUIRE(target.has_value());
  CHECK(target->segments == std::vector<std::string>{"v1", "log"});
  CHECK(*target->field("guest") == "a b");
  CHECK(*target->field("empty") == "");
  CHECK(target->field("none") == nullptr);
  CHECK(parse_request_target("/")->segments == std::vector<std::string>{""});
  CHECK(parse_request_target("/a?")->query.empty());
}

TEST_CASE("refuses_targets_with_two_meanings") {
  for (const std::string_view text :
       {"", "v1", "http://x/v1", "*", "/%", "/%4", "/%4g", "/%00", "/a?b=1&b=2", "/a?%62=1&b=2"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_request_target(text).has_value());
  }
}

TEST_CASE("an_escaped_slash_stays_inside_its_segment") {
  const auto target = parse_request_target("/v1/guests/a%2Fexec");
  REQUIRE(target.has_value());
  const auto match = find_route("DELETE", *target);
  REQUIRE(match.has_value());
  CHECK(match->endpoint == control::Endpoint::kDeleteGuest);
  CHECK(match->name == "a/exec");  // and is no GuestName
}

TEST_CASE("what_percent_encode_makes_is_read_back") {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  const auto target = parse_request_target("/x?v=" + percent_encode(all));
  REQUIRE(target.has_value());
  CHECK(*target->field("v") == all);
}

TEST_CASE("everything_that_changes_something_needs_admin_but_a_verdict") {
  for (const char* method : {"POST", "DELETE", "PUT", "PATCH"}) {
    for (const char* path :
         {"/v1/reload", "/v1/policies", "/v1/guests", "/v1/guests/a", "/v1/guests/a/attach", "/v1/guests/a/exec",
          "/v1/guests/a/pause", "/v1/guests/a/resume", "/v1/guests/a/labels", "/v1/status", "/v1/log",
          "/v1/credentials", "/v1/credentials/a", "/v1/credentials/a/rotate", "/v1/credentials/a/test"}) {
      const auto match = find_route(method, *parse_request_target(path));
      if (match) CHECK(match->role == Role::kAdmin);
    }
  }
  CHECK(find_route("GET", *parse_request_target("/v1/status"))->role == Role::kViewer);
  CHECK(find_route("GET", *parse_request_target("/v1/credentials"))->role == Role::kViewer);
  CHECK(find_route("PUT", *parse_request_target("/v1/credentials/a"))->role == Role::kAdmin);
  // There is no way to ask for a value.
  CHECK(find_route("GET", *parse_request_target("/v1/credentials/a")).error().allow == "PUT, DELETE");
  CHECK(find_route("GET", *parse_request_target("/v1/guests/a/ca"))->role == Role::kViewer);
  // Placeholders are worth nothing, but whoever gets them may start commands with them.
  CHECK(find_route("GET", *parse_request_target("/v1/guests/a/environment"))->role == Role::kAdmin);
}

TEST_CASE("held_requests_are_seen_and_decided_by_reviewers") {
  for (const auto& [method, path, endpoint] :
       {std::tuple{"GET", "/v1/reviews", control::Endpoint::kReviews},
        std::tuple{"GET", "/v1/reviews/watch", control::Endpoint::kWatchReviews},
        std::tuple{"GET", "/v1/reviews/a", control::Endpoint::kReview},
        std::tuple{"POST", "/v1/reviews/a/approve", control::Endpoint::kApproveReview},
        std::tuple{"POST", "/v1/reviews/a/reject", control::Endpoint::kRejectReview}}) {
    CAPTURE(path);
    const auto match = find_route(method, *parse_request_target(path));
    REQUIRE(match.has_value());
    CHECK(match->endpoint == endpoint);
    CHECK(match->role == Role::kReviewer);
  }
  for (const char* path : {"/v1/reviews/a/approve", "/v1/reviews/a/reject"}) {
    CHECK(find_route("GET", *parse_request_target(path)).error().allow == "POST");
  }
  for (const char* method : {"POST", "DELETE", "PUT", "PATCH"}) {
    for (const char* path : {"/v1/reviews", "/v1/reviews/watch", "/v1/reviews/a"}) {
      CAPTURE(path);
      CHECK_FALSE(find_route(method, *parse_request_target(path)).has_value());
    }
  }
}

TEST_CASE("a_credential_is_rotated_and_tested_by_post_alone") {
  for (const auto& [path, endpoint] : {std::pair{"/v1/credentials/bot/rotate", control::Endpoint::kRotateCredential},
                                       std::pair{"/v1/credentials/bot/test", control::Endpoint::kTestCredential}}) {
    CAPTURE(path);
    const auto match = find_route("POST", *parse_request_target(path));
    REQUIRE(match.has_value());
    CHECK(match->endpoint == endpoint);
    CHECK(match->name == "bot");
    CHECK(match->role == Role::kAdmin);
    CHECK(find_route("GET", *parse_request_target(path)).error().allow == "POST");
  }
  CHECK(find_route("POST", *parse_request_target("/v1/credentials/bot")).error().allow == "PUT, DELETE");
  CHECK(find_route("POST", *parse_request_target("/v1/credentials/bot/other")).error().allow.empty());
}

TEST_CASE("roles_are_ordered_and_come_from_groups") {
  const RoleGroups groups{.viewer = 1, .reviewer = 2, .admin = 3};
  const auto role = [&](uid_t uid, std::vector<gid_t> of) {
    return role_of({.uid = uid, .pid = 1, .groups = std::move(of)}, groups);
  };
  CHECK(role(0, {}) == Role::kAdmin);
  CHECK(role(5, {}) == Role::kNone);
  CHECK(role(5, {4}) == Role::kNone);
  CHECK(role(5, {1}) == Role::kViewer);
  CHECK(role(5, {1, 2}) == Role::kReviewer);
  CHECK(role(5, {3, 1}) == Role::kAdmin);
  CHECK(Role::kNone < Role::kViewer);
  CHECK(Role::kViewer < Role::kReviewer);
  CHECK(Role::kReviewer < Role::kAdmin);
  // A group that does not exist gives its role to nobody.
  CHECK(role_of({.uid = 5, .pid = 1, .groups = {0, 1, 2, 3}}, RoleGroups{}) == Role::kNone);
}
