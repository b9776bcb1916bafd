#include "credentials/oauth2.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "answers.h"
#include "rsa_keys.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

using Grant = policy::Oauth2Exchange::Grant;

policy::Oauth2Exchange exchange_by(Grant grant) {
  return {.grant = grant, .token_url = url("https://server.example.com/token"), .client_id = "s6BhdRkqt3"};
}

HttpsRequest request_of(const policy::Oauth2Exchange& exchange, std::string_view value) {
  return oauth2_request(exchange, secret_of_text(value), kJune).value();
}

std::string token_answer(std::string_view body, unsigned status = 200) {
  const auto answer = read_oauth2_answer(answered(status, body), kJune);
  return answer ? std::string(answer->token.secret->reveal()) : "error: " + answer.error().message;
}

}  // namespace

TEST_CASE("a_client_secret_goes_as_basic_as_in_rfc_6749_2_3_1") {
  auto exchange = exchange_by(Grant::kClientCredentials);
  const HttpsRequest request = request_of(exchange, "7Fjfp0ZBr1KtDRbnfVdmIw");
  CHECK(request.head.method == "POST");
  CHECK(request.head.path.target() == "/token");
  CHECK(request.place() == "server.example.com");
  CHECK(field_of(request, "Authorization") == "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
  CHECK(field_of(request, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(body_of(request) == "grant_type=client_credentials");
  exchange.scope = "read write";
  exchange.audience = "https://api.test/";
  CHECK(body_of(request_of(exchange, "x")) ==
        "grant_type=client_credentials&audience=https%3A%2F%2Fapi.test%2F&scope=read%20write");
}

TEST_CASE("a_client_with_special_characters_is_form_encoded_before_base64") {
  auto exchange = exchange_by(Grant::kClientCredentials);
  exchange.client_id = "a:b";
  // "a%3Ab:p%25%20%2B"
  CHECK(field_of(request_of(exchange, "p% +"), "Authorization") == "Basic YSUzQWI6cCUyNSUyMCUyQg==");
}

TEST_CASE("a_refresh_token_goes_as_in_rfc_6749_6_with_the_client_in_the_body") {
  auto exchange = exchange_by(Grant::kRefreshToken);
  const HttpsRequest request = request_of(exchange, "tGzv3JOkF0XG5Qx2TlKWIA");
  CHECK(body_of(request) == "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3");
  CHECK(field_of(request, "Authorization") == "(none)");
  exchange.audience = "not of this grant";
  exchange.scope = "a b";
  CHECK(body_of(request_of(exchange, "a&b=c")) ==
        "grant_type=refresh_token&refresh_token=a%26b%3Dc&client_id=s6BhdRkqt3&scope=a%20b");
}

TEST_CASE("an_assertion_says_what_rfc_7523_3_wants") {
  const Pkey key = rfc7515_key();
  auto exchange = exchange_by(Grant::kJwtBearer);
  constexpr std::string_view kBegin = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  const auto claims_of = [&](const HttpsRequest& request) {
    const std::string_view body = body_of(request);
    REQUIRE(body.starts_with(kBegin));
    const std::string_view assertion = body.substr(kBegin.size(), body.find('&', kBegin.size()) - kBegin.size());
    return nlohmann::json::parse(proven_claims(assertion, key.get()));
  };
  auto claims = claims_of(request_of(exchange, pem_of_key(key.get())));
  const std::int64_t june = 1780272000;
  CHECK(claims["iss"] == "s6BhdRkqt3");
  CHECK(claims["sub"] == "s6BhdRkqt3");
  CHECK(claims["aud"] == "https://server.example.com/token");
  CHECK(claims["iat"] == june - 60);
  CHECK(claims["exp"] == june + 300);
  CHECK(claims["jti"].get<std::string>().size() == 22);
  CHECK_FALSE(claims.contains("scope"));
  const std::string first = claims["jti"];

  exchange.subject = "user@test";
  exchange.audience = "https://aud.test";
  exchange.scope = "a b";
  const HttpsRequest request = request_of(exchange, pem_of_key(key.get()));
  claims = claims_of(request);
  CHECK(claims["sub"] == "user@test");
  CHECK(claims["aud"] == "https://aud.test");
  CHECK(claims["scope"] == "a b");
  CHECK(claims["jti"] != first);
  CHECK(body_of(request).ends_with("&scope=a%20b"));
  CHECK(field_of(request, "Authorization") == "(none)");
}

TEST_CASE("an_assertion_needs_a_key") {
  const auto request = oauth2_request(exchange_by(Grant::kJwtBearer), secret_of_text("S3CR3T"), kJune);
  REQUIRE_FALSE(request.has_value());
  CHECK(request.error().code == Errc::kInvalid);
  CHECK_FALSE(request.error().message.contains("S3CR3T"));
}

TEST_CASE("the_answer_of_rfc_6749_5_1_is_a_token") {
  const auto answer = read_oauth2_answer(answered(200, R"({
       "access_token":"2YotnFZFEjr1zCsicMWpAA",
       "token_type":"Bearer",
       "expires_in":3600,
       "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
       "example_parameter":"example_value"
     })",
                                                  "the old one"),
                                         kJune);
  REQUIRE(answer.has_value());
  CHECK(answer->token.secret->reveal() == "2YotnFZFEjr1zCsicMWpAA");
  CHECK(answer->token.expires == kJune + std::chrono::hours(1));
  REQUIRE(answer->next_refresh_token != nullptr);
  CHECK(answer->next_refresh_token->reveal() == "tGzv3JOkF0XG5Qx2TlKWIA");
}

TEST_CASE("a_refresh_token_that_stays_the_same_is_no_news") {
  constexpr std::string_view kBody = R"({"access_token":"t","token_type":"bearer","refresh_token":"same"})";
  const auto same = read_oauth2_answer(answered(200, kBody, "same"), kJune);
  REQUIRE(same.has_value());
  CHECK(same->next_refresh_token == nullptr);
  CHECK_FALSE(same->token.expires.has_value());
  const auto other = read_oauth2_answer(answered(200, kBody, "old"), kJune);
  REQUIRE(other.has_value());
  CHECK(other->next_refresh_token != nullptr);
}

TEST_CASE("the_type_of_a_token_is_bearer_in_any_case") {
  for (const std::string_view type : {"Bearer", "bearer", "BEARER", "bEaReR"}) {
    CHECK(token_answer(R"({"access_token":"t","token_type":")" + std::string(type) + R"("})") == "t");
  }
  for (const std::string_view type : {R"("mac")", R"("")", R"("Bearer ")", "1", "null", R"(["Bearer"])"}) {
    CAPTURE(type);
    CHECK(token_answer(R"({"access_token":"t","token_type":)" + std::string(type) + "}") ==
          "error: it answered with a \"token_type\" that is not Bearer");
  }
  CHECK(token_answer(R"({"access_token":"t"})") == "error: it answered with a \"token_type\" that is not Bearer");
}

TEST_CASE("lifetimes_are_whole_seconds_above_zero_and_at_most_a_day") {
  const auto lifetime = [](std::string_view number) {
    const auto answer = read_oauth2_answer(
        answered(200, R"({"access_token":"t","token_type":"bearer","expires_in":)" + std::string(number) + "}"), kJune);
    return answer ? std::chrono::duration_cast<std::chrono::seconds>(*answer->token.expires - kJune).count() : -1;
  };
  CHECK(lifetime("1") == 1);
  CHECK(lifetime("86400") == 86400);
  CHECK(lifetime("86401") == 86400);
  CHECK(lifetime("9223372036854775807") == 86400);
  CHECK(lifetime("18446744073709551615") == 86400);
  for (const std::string_view wrong : {"0", "-1", "-9223372036854775808", "1.5", "1e400", "99999999999999999999999",
                                       "\"3600\"", "null", "[1]", "{}", "true"}) {
    CAPTURE(wrong);
    CHECK(lifetime(wrong) == -1);
  }
}

TEST_CASE("hostile_answers_are_no_token") {
  for (const std::string_view body :
       {"", "S3CR3T", "[]", "null", "\"S3CR3T\"", R"({"access_token":"S3CR3T","token_type":"bearer")",
        R"({"access_token":"","token_type":"bearer"})", R"({"access_token":1,"token_type":"bearer"})",
        R"({"access_token":{"access_token":"S3CR3T"},"token_type":"bearer"})", R"({"token_type":"bearer"})",
        R"({"access_token":"S3CR3T\n","token_type":"bearer"})",
        R"({"access_token":"S3CR3T\u0000","token_type":"bearer"})",
        R"({"access_token":"S3CR3T\r\nX: y","token_type":"bearer"})",
        R"({"access_token":"S3CR3T x","token_type":"bearer"})",
        R"({"access_token":"S3CR3T\u007f","token_type":"bearer"})",
        R"({"access_token":"S3CR3Té","token_type":"bearer"})",
        "{\"access_token\":\"S3CR3T\xff\",\"token_type\":\"bearer\"}",
        R"({"data":{"access_token":"S3CR3T","token_type":"bearer"}})",
        R"({"access_token":"S3CR3T","token_type":"bearer","refresh_token":"a b"})"}) {
    CAPTURE(body);
    const std::string said = token_answer(body);
    CHECK(said.starts_with("error: "));
    CHECK_FALSE(said.contains("S3CR3T"));
  }
  const std::string deep(60'000, '[');
  CHECK(token_answer(deep) == "error: it answered with what is no JSON object");
  CHECK(token_answer(R"({"access_token":"t","token_type":"bearer","x":)" + std::string(30'000, '[') +
                     std::string(30'000, ']') + "}") == "t");
  CHECK(token_answer(R"({"access_token":")" + std::string(65'537, 'x') + R"(","token_type":"bearer"})")
            .starts_with("error: "));
}

TEST_CASE("an_error_is_told_with_the_servers_words_and_bounded") {
  // RFC 6749 5.2.
  CHECK(token_answer(R"({"error":"invalid_request"})", 400) == "error: it answered 400: invalid_request");
  CHECK(token_answer(R"({"error":"invalid_client","error_description":"Unknown\nclient \u001b[31m"})", 401) ==
        R"(error: it answered 401: invalid_client: Unknown\x0aclient \x1b[31m)");
  CHECK(token_answer(R"({"error":"invalid_scope"})") == "error: it answered 200: invalid_scope");
  CHECK(token_answer(R"({"error":7,"error_description":{}})", 400) == "error: it answered 400");
  CHECK(token_answer("<html>S3CR3T", 502) == "error: it answered 502");
  CHECK(token_answer("", 302) == "error: it answered 302, a redirect: it is not followed");
  CHECK(token_answer(R"({"access_token":"S3CR3T","token_type":"bearer"})", 201) == "error: it answered 201");
  const std::string bounded = token_answer(R"({"error":")" + std::string(50'000, 'x') + R"("})", 400);
  CHECK(bounded.size() < 500);
}

TEST_CASE("a_grant_that_is_of_no_use_has_a_code_of_its_own") {
  CHECK(read_oauth2_answer(answered(400, R"({"error":"invalid_grant"})"), kJune).error().code == Errc::kDenied);
  CHECK(read_oauth2_answer(answered(400, R"({"error":"invalid_client"})"), kJune).error().code == Errc::kUnavailable);
}

TEST_CASE("words_that_repeat_the_secret_are_not_told") {
  const auto said = [](std::string_view description, std::string_view secret) {
    const std::string body = R"({"error":"invalid_grant","error_description":")" + std::string(description) + R"("})";
    return read_oauth2_answer(answered(400, body, secret), kJune).error().message;
  };
  CHECK(said("token abcdefghijkl is old", "abcdefghijkl") == "it answered 400, with words that repeat the secret");
  CHECK(said("token abcdefgh... is old", "abcdefghijkl") == "it answered 400, with words that repeat the secret");
  CHECK(said("token ...efghijkl is old", "abcdefghijkl") == "it answered 400, with words that repeat the secret");
  CHECK(said("token abcdefg is old", "abcdefghijkl") == "it answered 400: invalid_grant: token abcdefg is old");
  CHECK(said("token abc is old", "abc") == "it answered 400, with words that repeat the secret");
  CHECK(said(std::string(1000, 'x') + "abcdefghijkl", "abcdefghijkl") ==
        "it answered 400, with words that repeat the secret");
}
