#include "credentials/github_app.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "answers.h"
#include "rsa_keys.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

policy::GithubAppExchange github_exchange(std::string_view api = "https://api.github.com") {
  return {.api = url(api), .app = "Iv23li-test", .installation = "12345"};
}

std::string installation_token(std::string_view body, unsigned status = 201) {
  return outcome_of(read_github_app_answer(answered(status, body), kJune));
}

}  // namespace

TEST_CASE("an_app_proves_itself_with_a_short_jwt") {
  const Pkey key = rfc7515_key();
  const auto request = github_app_request(github_exchange(), secret_of_text(traditional_pem_of_key(key.get())), kJune);
  REQUIRE(request.has_value());
  CHECK(request->head.method == "POST");
  CHECK(request->head.path.target() == "/app/installations/12345/access_tokens");
  CHECK(field_of(*request, "Accept") == "application/vnd.github+json");
  CHECK(field_of(*request, "User-Agent") == "enforcer");
  const std::string authorization = field_of(*request, "Authorization");
  REQUIRE(authorization.starts_with("Bearer "));
  const auto claims = nlohmann::json::parse(proven_claims(authorization.substr(7), key.get()));
  const std::int64_t june = 1780272000;
  CHECK(claims == nlohmann::json{{"iss", "Iv23li-test"}, {"iat", june - 60}, {"exp", june + 540}});
  CHECK(body_of(*request) == "{}");
}

TEST_CASE("a_token_may_be_of_less_than_the_installation") {
  auto exchange = github_exchange("https://ghe.test/api/v3/");
  exchange.repositories = {"octo-repo", "two"};
  exchange.permissions = {{"contents", "read"}, {"issues", "write"}};
  const auto request = github_app_request(exchange, secret_of_text(pem_of_key(rfc7515_key().get())), kJune);
  REQUIRE(request.has_value());
  CHECK(request->head.path.target() == "/api/v3/app/installations/12345/access_tokens");
  CHECK(nlohmann::json::parse(body_of(*request)) ==
        nlohmann::json::parse(
            R"({"repositories":["octo-repo","two"],"permissions":{"contents":"read","issues":"write"}})"));
}

TEST_CASE("an_app_without_a_key_asks_nothing") {
  const auto request = github_app_request(github_exchange(), secret_of_text("S3CR3T"), kJune);
  REQUIRE_FALSE(request.has_value());
  CHECK(request.error().code == Errc::kInvalid);
}

TEST_CASE("the_documented_answer_is_a_token_with_its_end") {
  const auto value = read_github_app_answer(answered(201, R"({
    "token": "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
    "expires_at": "2026-06-01T01:00:00Z",
    "permissions": {"issues": "write", "contents": "read"},
    "repository_selection": "selected",
    "repositories": [{"id": 1296269, "name": "Hello-World", "private": false}]
  })"),
                                            kJune);
  REQUIRE(value.has_value());
  CHECK(value->secret->reveal() == "ghs_16C7e42F292c6912E7710c838347Ae178B4a");
  CHECK(value->expires == kJune + std::chrono::hours(1));
}

TEST_CASE("what_is_no_installation_token_is_an_error_without_a_byte_of_it") {
  for (const std::string_view body :
       {"", "[]", R"({"token":"S3CR3T"})", R"({"token":"S3CR3T","expires_at":"soon"})",
        R"({"token":"S3CR3T","expires_at":1780272000})", R"({"token":"S3CR3T","expires_at":"2026-06-01T00:00:00Z"})",
        R"({"token":"S3CR3T\r","expires_at":"2026-06-01T01:00:00Z"})",
        R"({"token":["S3CR3T"],"expires_at":"2026-06-01T01:00:00Z"})"}) {
    CAPTURE(body);
    const std::string said = installation_token(body);
    CHECK(said.starts_with("error: it answered with "));
    CHECK_FALSE(said.contains("S3CR3T"));
  }
  CHECK(installation_token(R"({"token":"t","expires_at":"2026-06-01T00:00:01Z"})") == "t");
  CHECK(installation_token(R"({"token":"t","expires_at":"2026-06-01T00:00:01Z"})", 200) == "error: it answered 200");
}

TEST_CASE("github_says_why_not") {
  CHECK(installation_token(R"({"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"})",
                           401) == "error: it answered 401: Bad credentials");
  CHECK(installation_token("Not JSON", 500) == "error: it answered 500");
}
