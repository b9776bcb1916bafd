#include "http/problem.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http/field_rules.h"

using namespace enforcer::http;

namespace {

const Problem kProblem{.title = "Denied by policy",
                       .detail = "No rule allows this.",
                       .decision_id = "01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B",
                       .rule = "coding-agent/closed",
                       .reason = "rule",
                       .host = "no.test",
                       .method = "POST",
                       .path = "/admin",
                       .hint = "ask #platform"};

struct Parts {
  std::string head;
  std::string body;
};

Parts response(unsigned status, const Problem& problem) {
  const Answer answer = make_problem_answer(status, problem);
  return {serialise(answer.head, Version::kHttp11, Connection::kClose), answer.body};
}

}  // namespace

TEST_CASE("a_denial_is_a_problem_document_with_the_decision_id") {
  const auto [head, body] = response(403, kProblem);
  CHECK(head.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  CHECK(head.contains("\r\nConnection: close\r\n"));
  CHECK(head.contains("\r\nContent-Type: application/problem+json\r\n"));
  CHECK(head.contains("\r\nContent-Length: " + std::to_string(body.size()) + "\r\n"));
  CHECK(head.contains("\r\nenforcer-decision: deny; id=01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B\r\n"));
  const auto json = nlohmann::json::parse(body);
  CHECK(json["type"] == "urn:enforcer:denied:rule");
  CHECK(json["status"] == 403);
  CHECK(json["decision_id"] == "01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B");
  CHECK(json["rule"] == "coding-agent/closed");
  CHECK(json["path"] == "/admin");
}

TEST_CASE("empty_members_are_left_out") {
  const auto json = nlohmann::json::parse(response(400, {.title = "Bad request", .reason = "h1_malformed"}).body);
  CHECK(json.size() == 4);
}

TEST_CASE("invariant_10_guest_text_in_a_denial_is_escaped_and_bounded") {
  Problem problem = kProblem;
  const std::string path = "/\"},{\x1b[31m\r\nSet-Cookie: x\xff" + std::string(60000, 'a');
  problem.path = path;
  const auto [head, body] = response(403, problem);
  CHECK_FALSE(head.contains("Set-Cookie"));
  CHECK(body.size() < 2000);
  CHECK(body.find_first_of("\x1b\r\xff") == std::string::npos);
  CHECK(nlohmann::json::parse(body)["path"].get<std::string>().starts_with("/\"},{\\x1b[31m\\x0d\\x0aSet-Cookie"));
}

TEST_CASE("text_of_the_operator_that_is_not_utf8_does_not_fail") {
  Problem problem = kProblem;
  problem.hint = "\xff";
  CHECK(nlohmann::json::parse(response(403, problem).body).contains("hint"));
}

TEST_CASE("the_answer_to_head_has_no_body") {
  Problem problem = kProblem;
  problem.method = "HEAD";
  const auto [head, body] = response(403, problem);
  CHECK(body.empty());
  CHECK_FALSE(head.contains("Content-Length: 0"));
}

TEST_CASE("a_client_of_a_registry_finds_what_it_shows_among_errors") {
  const Answer answer = make_registry_answer(403, kProblem);
  CHECK(answer.head.status == 403);
  CHECK(values_of(answer.head.fields, "content-type") == std::vector<std::string_view>{"application/json"});
  CHECK(values_of(answer.head.fields, "enforcer-decision").size() == 1);
  const auto json = nlohmann::json::parse(answer.body);
  REQUIRE(json["errors"].is_array());
  REQUIRE(json["errors"].size() == 1);
  CHECK(json["errors"][0]["code"] == "DENIED");
  CHECK(json["errors"][0]["message"] ==
        "Denied by policy: No rule allows this. (rule), decision 01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B");
  CHECK(json["rule"] == "coding-agent/closed");  // and everything that others are told
  CHECK(nlohmann::json::parse(make_registry_answer(429, kProblem).body)["errors"][0]["code"] == "TOOMANYREQUESTS");
  CHECK_FALSE(nlohmann::json::parse(make_problem_answer(403, kProblem).body).contains("errors"));  // the control
}

TEST_CASE("registry_calls_are_known_by_their_path") {
  const auto is = [](std::string path) {
    RequestHead head{.method = "GET", .authority = *parse_authority("a.test"), .path = {}, .fields = {}, .body = {}};
    head.path.path = std::move(path);
    return is_registry_call(head);
  };
  for (const char* path :
       {"/v2", "/v2/", "/v2/_catalog", "/v2/library/alpine/manifests/latest", "/v2/a/b/c/blobs/sha256:00",
        "/v2/a/blobs/uploads/", "/v2/a/tags/list", "/v2/a/referrers/x"}) {
    CAPTURE(path);
    CHECK(is(path));
  }
  for (const char* path :
       {"/", "/v1/", "/v2x", "/v2/users", "/v2/manifests/x", "/api/v2/a/blobs/x", "/v2/manifestsx/y"}) {
    CAPTURE(path);
    CHECK_FALSE(is(path));
  }
}

TEST_CASE("a_grpc_client_is_told_by_a_status_of_its_own_in_the_head") {
  const Answer answer = make_grpc_answer(403, kProblem);
  CHECK(answer.head.status == 200);
  CHECK(answer.body.empty());
  CHECK(values_of(answer.head.fields, "grpc-status") == std::vector<std::string_view>{"7"});
  CHECK(values_of(answer.head.fields, "content-type") == std::vector<std::string_view>{"application/grpc"});
  CHECK(values_of(answer.head.fields, "enforcer-decision").size() == 1);
  CHECK(values_of(make_grpc_answer(429, kProblem).head.fields, "grpc-status")[0] == "8");
  CHECK(values_of(make_grpc_answer(502, kProblem).head.fields, "grpc-status")[0] == "14");
}

TEST_CASE("a_grpc_message_is_percent_encoded") {
  Problem problem = kProblem;
  problem.detail = "100% \xc3\xa4\r\nx: y";
  const Answer answer = make_grpc_answer(403, problem);
  CHECK(values_of(answer.head.fields, "grpc-message")[0].contains("100%25 %C3%A4%0D%0Ax: y"));
}

TEST_CASE("grpc_is_known_by_its_content_type") {
  const auto is = [](std::string value) {
    RequestHead head{.method = "POST", .authority = *parse_authority("a.test"), .path = {}, .fields = {}, .body = {}};
    head.fields.push_back({"content-type", std::move(value)});
    return is_grpc(head);
  };
  CHECK((is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x=y")));
  CHECK_FALSE((is("application/grpc-web") || is("application/json") || is("")));
}
