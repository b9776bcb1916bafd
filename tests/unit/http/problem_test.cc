#include "http/problem.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

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
  const std::string whole = make_denial_response(status, problem, Connection::kClose);
  const auto end = whole.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  return {whole.substr(0, end + 2), whole.substr(end + 4)};
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
