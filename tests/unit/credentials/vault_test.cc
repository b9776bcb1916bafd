#include "credentials/vault.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "answers.h"
#include "rsa_keys.h"

using namespace enforcer;
using namespace enforcer::credentials;
using namespace enforcer::credentials::testing;

namespace {

policy::VaultPlace vault_place(std::string path = "app/db") {
  return {.address = url("https://vault.test:8200/ignored"), .path = std::move(path), .key = "password"};
}

std::string kv_field(std::string_view body, unsigned status = 200, std::string_view token = {}) {
  const auto text = read_vault_answer(answered(status, body, token), "password");
  return text ? std::string(*text) : "error: " + text.error().message;
}

std::string login_outcome(std::string_view body, unsigned status = 200) {
  const auto login = read_vault_login(answered(status, body));
  return login ? std::string(login->token->reveal()) + " " + std::to_string(login->lifetime.count())
               : "error: " + login.error().message;
}

}  // namespace

TEST_CASE("a_secret_is_read_with_the_token_in_its_header") {
  auto place = vault_place();
  const auto request = vault_read_request(place, secret_of_text("hvs.token"));
  REQUIRE(request.has_value());
  CHECK(request->head.method == "GET");
  CHECK(request->head.path.target() == "/v1/secret/data/app/db");
  CHECK(request->place() == "vault.test:8200");
  CHECK(field_of(*request, "X-Vault-Token") == "hvs.token");
  CHECK(field_of(*request, "X-Vault-Request") == "true");
  CHECK(field_of(*request, "X-Vault-Namespace") == "(none)");
  place.name_space = "ns1/team";
  place.mount = "kv/prod";
  place.path = "a b/c?d#e%";
  const auto other = vault_read_request(place, secret_of_text("hvs.token"));
  REQUIRE(other.has_value());
  CHECK(other->head.path.target() == "/v1/kv/prod/data/a%20b/c%3Fd%23e%25");
  CHECK(field_of(*other, "X-Vault-Namespace") == "ns1/team");
}

TEST_CASE("a_path_cannot_leave_its_mount") {
  for (const std::string_view path :
       {"..", "../../../sys/seal", "a/../../../../sys/seal", "a/./b", "a//b", "a\\b", "a\x01", "a/..;/b"}) {
    CAPTURE(path);
    const auto request = vault_read_request(vault_place(std::string(path)), secret_of_text("t"));
    REQUIRE_FALSE(request.has_value());
    CHECK(request.error().code == Errc::kInvalid);
  }
  CHECK(vault_read_request(vault_place("..."), secret_of_text("t")).has_value());
  CHECK(vault_read_request(vault_place("a!$&'()*+,;=:@b~\"<>|^`{}[]"), secret_of_text("t")).has_value());
}

TEST_CASE("the_documented_answer_has_the_field") {
  constexpr std::string_view kBody = R"({"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,
    "data":{"data":{"password":"p\"\n1","other":"x"},"metadata":{"created_time":"2018-03-22T02:24:06.945319214Z",
    "custom_metadata":null,"deletion_time":"","destroyed":false,"version":2}},"warnings":null,"auth":null})";
  CHECK(kv_field(kBody) == "p\"\n1");
  CHECK(read_vault_answer(answered(200, kBody), "none").error().code == Errc::kNotFound);
  CHECK(read_vault_answer(answered(200, kBody), "none").error().message == "the secret has no field 'none'");
}

TEST_CASE("what_is_no_field_is_an_error_without_a_byte_of_it") {
  for (const std::string_view body :
       {"", "[]", "{", R"({"data":"S3CR3T"})", R"({"data":{"data":null}})", R"({"data":{"password":"S3CR3T"}})",
        R"({"data":{"data":["S3CR3T"]}})", R"({"data":{"data":{"password":7}}})",
        R"({"data":{"data":{"password":{"password":"S3CR3T"}}}})", R"({"data":{"data":{"password":null}}})"}) {
    CAPTURE(body);
    const std::string said = kv_field(body);
    CHECK(said.starts_with("error: it answered with "));
    CHECK_FALSE(said.contains("S3CR3T"));
  }
  CHECK(kv_field(R"({"data":{"password":"S3CR3T"}})") ==
        "error: it answered with no fields in \"data.data\": is the engine KV version 2?");
}

TEST_CASE("vault_says_why_not") {
  CHECK(kv_field(R"({"errors":["permission denied"]})", 403) == "error: it answered 403: permission denied");
  CHECK(kv_field(R"({"errors":["1 error\n","two",3]})", 400) == R"(error: it answered 400: 1 error\x0a; two)");
  CHECK(kv_field(R"({"errors":[]})", 404) == "error: it answered 404");
  CHECK(kv_field(R"({"errors":"x"})", 503) == "error: it answered 503");
  CHECK(kv_field("sealed", 503) == "error: it answered 503");
  CHECK(kv_field("", 307) == "error: it answered 307, a redirect: it is not followed");
  CHECK(kv_field(R"({"errors":["bad token hvs.abcdefgh"]})", 403, "hvs.abcdefgh") ==
        "error: it answered 403, with words that repeat the secret");
  const auto code = [](unsigned status) { return read_vault_answer(answered(status, "{}"), "k").error().code; };
  CHECK(code(403) == Errc::kDenied);
  CHECK(code(404) == Errc::kNotFound);
  CHECK(code(400) == Errc::kUnavailable);
  CHECK(code(503) == Errc::kUnavailable);
}

TEST_CASE("an_app_role_logs_in") {
  auto place = vault_place();
  place.role_id = "role\"1";
  place.name_space = "ns1";
  const auto request = vault_login_request(place, secret_of_text("sec\"ret"));
  REQUIRE(request.has_value());
  CHECK(request->head.method == "POST");
  CHECK(request->head.path.target() == "/v1/auth/approle/login");
  CHECK(field_of(*request, "X-Vault-Namespace") == "ns1");
  CHECK(field_of(*request, "X-Vault-Token") == "(none)");
  CHECK(nlohmann::json::parse(body_of(*request)) == nlohmann::json{{"role_id", "role\"1"}, {"secret_id", "sec\"ret"}});
}

TEST_CASE("a_login_gives_a_token_for_a_while") {
  CHECK(login_outcome(R"({"auth":{"renewable":true,"lease_duration":1200,"metadata":null,"policies":["default"],
    "accessor":"fd6c9a00-d2dc-3b11-0be5-af7ae0e1d374","client_token":"5b1a0318-679c-9c45-e5c6-d1b9a9035d49"},
    "warnings":null,"wrap_info":null,"data":null,"lease_duration":0})") == "5b1a0318-679c-9c45-e5c6-d1b9a9035d49 1200");
  CHECK(login_outcome(R"({"auth":{"lease_duration":0,"client_token":"t"}})") == "t 3600");
  CHECK(login_outcome(R"({"auth":{"lease_duration":31536000,"client_token":"t"}})") == "t 86400");
  for (const std::string_view body :
       {"{}", R"({"auth":null})", R"({"auth":{"client_token":"S3CR3T"}})", R"({"auth":{"lease_duration":9}})",
        R"({"auth":{"lease_duration":-1,"client_token":"S3CR3T"}})",
        R"({"auth":{"lease_duration":"9","client_token":"S3CR3T"}})",
        R"({"auth":{"lease_duration":9,"client_token":"S3CR3T\n"}})",
        R"({"auth":{"lease_duration":9,"client_token":""}})"}) {
    CAPTURE(body);
    CHECK(login_outcome(body).starts_with("error: it answered with "));
    CHECK_FALSE(login_outcome(body).contains("S3CR3T"));
  }
  CHECK(login_outcome(R"({"errors":["invalid secret id"]})", 400) == "error: it answered 400: invalid secret id");
}
