// What a request looks like after injection: the guest's own credentials in every place and spelling, and ours once.
#include "credentials/injection.h"

#include <doctest/doctest.h>

#include "scratch.h"

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

using Injection = policy::CredentialSpec::Injection;
using As = Injection::As;
using testing::kCanary;

Secret secret(std::string_view text = kCanary) {
  auto made = Secret::copy_of(text);
  REQUIRE(made.has_value());
  return *std::move(made);
}

/// A head as the proxy reads it: from bytes.
http::RequestHead head_of(std::string_view target, std::string_view fields = "") {
  const std::string text =
      "GET " + std::string(target) + " HTTP/1.1\r\nHost: api.test\r\n" + std::string(fields) + "\r\n";
  http::RequestHeadReader reader;
  auto outcome = reader.read(as_bytes(text));
  REQUIRE(std::holds_alternative<http::RequestHead>(outcome));
  return std::get<http::RequestHead>(std::move(outcome));
}

/// The request line and the fields but Host, as an origin gets them.
std::string injected(const Injection& binding, http::RequestHead head, std::string_view value = kCanary) {
  const auto done = inject(binding, secret(value), head);
  if (!done) return "error: " + done.error().message;
  std::string text = serialise(head);
  constexpr std::string_view kHost = "Host: api.test\r\n";
  text.erase(text.find(kHost), kHost.size());
  return text;
}

const Injection kBearer{.as = As::kBearer};
const Injection kKeyHeader{.as = As::kHeader, .name = "X-Custom-Key", .format = "Token {}"};
const Injection kKeyQuery{.as = As::kQuery, .name = "api_token"};

}  // namespace

TEST_CASE("each_kind_is_written_in_its_place") {
  CHECK(injected(kBearer, head_of("/v1")) == "GET /v1 HTTP/1.1\r\nAuthorization: Bearer S3CR3T-CANARY\r\n\r\n");
  CHECK(injected({.as = As::kBasic, .username = "x-access-token"}, head_of("/v1")) ==
        "GET /v1 HTTP/1.1\r\nAuthorization: Basic eC1hY2Nlc3MtdG9rZW46UzNDUjNULUNBTkFSWQ==\r\n\r\n");
  CHECK(injected(kKeyHeader, head_of("/v1")) == "GET /v1 HTTP/1.1\r\nX-Custom-Key: Token S3CR3T-CANARY\r\n\r\n");
  CHECK(injected(kKeyQuery, head_of("/v1")) == "GET /v1?api_token=S3CR3T-CANARY HTTP/1.1\r\n\r\n");
  CHECK(injected(kKeyQuery, head_of("/v1"), "a&b=c d+\xc3\xa9%") ==
        "GET /v1?api_token=a%26b%3Dc%20d%2B%C3%A9%25 HTTP/1.1\r\n\r\n");
}

TEST_CASE("what_the_guest_put_in_the_place_of_the_credential_goes") {
  const std::string expected = "GET / HTTP/1.1\r\nAccept: */*\r\nAuthorization: Bearer S3CR3T-CANARY\r\n\r\n";
  for (const std::string_view fields : {
           "Authorization: Bearer own\r\n",
           "AUTHORIZATION: Bearer own\r\n",
           "authorization: Bearer own\r\nAuthorization: Basic b3du\r\n",
           "Connection: Authorization\r\nAuthorization: Bearer own\r\n",
           "Connection: close, authorization\r\n",
           "Proxy-Authorization: Basic b3du\r\n",
           "Cookie: session=own\r\nCOOKIE: b=c\r\n",
           "X-Api-Key: own\r\nx_api_key: own\r\n",
           "Api-Key: own\r\n",
           "X-Auth-Token: own\r\n",
           "X-Amz-Security-Token: own\r\nX_AMZ_Security_Token: own\r\n",
           "PRIVATE-TOKEN: own\r\n",
       }) {
    CAPTURE(fields);
    std::string text = injected(kBearer, head_of("/", "Accept: */*\r\n" + std::string(fields)));
    if (const auto close = text.find("Connection: close\r\n"); close != std::string::npos) text.erase(close, 19);
    CHECK(text == expected);
  }
}

TEST_CASE("underscores_are_dashes_to_some_origins_so_they_are_to_us") {
  CHECK(injected(kBearer, head_of("/", "Authorization_: x\r\n")).contains("Authorization_: x\r\n"));  // another name
  for (const std::string_view field : {"x_custom_key", "X-CUSTOM_KEY", "X_Custom-Key", "x-custom-key"}) {
    CAPTURE(field);
    CHECK(injected(kKeyHeader, head_of("/", std::string(field) + ": own\r\n" + std::string(field) + ": own2\r\n")) ==
          "GET / HTTP/1.1\r\nX-Custom-Key: Token S3CR3T-CANARY\r\n\r\n");
  }
  // On a route with another credential the declared header of this one is a header like any other.
  CHECK(injected(kBearer, head_of("/", "X-Custom-Key: own\r\n")).contains("X-Custom-Key: own\r\n"));
}

TEST_CASE("a_query_credential_replaces_the_guests_in_every_spelling_and_keeps_the_rest_in_order") {
  const auto query = [](std::string_view target) {
    auto head = head_of(target);
    REQUIRE(inject(kKeyQuery, secret("s"), head));
    return *head.path.query;
  };
  CHECK(query("/?a=1&b=2") == "a=1&b=2&api_token=s");
  CHECK(query("/?") == "api_token=s");
  CHECK(query("/?api_token=own") == "api_token=s");
  CHECK(query("/?z=1&api_token=own&y=%20&api_token=own2&x") == "z=1&y=%20&x&api_token=s");
  for (const std::string_view name :
       {"%61pi_token", "api%5Ftoken", "%61%70%69%5f%74%6f%6b%65%6e", "API_TOKEN", "api-token", "api.token", "api+token",
        "api%20token", "%20api_token", "+api_token", "api_token%00x", "api_token[]", "api_token%5Bx%5D",
        "%u0061pi_token"}) {
    CAPTURE(name);
    CHECK(query("/?a=1&" + std::string(name) + "=own") == "a=1&api_token=s");
    CHECK(query("/?a=1;" + std::string(name) + "=own") == "a=1&api_token=s");
    CHECK(query("/?" + std::string(name)) == "api_token=s");
  }
  for (const std::string_view other :
       {"api_token2=1", "xapi_token=1", "%2561pi_token=1", "q=api_token", "&&a", "%zz=1"}) {
    CAPTURE(other);
    CHECK(query("/?" + std::string(other)) == std::string(other) + "&api_token=s");
  }
}

TEST_CASE("keys_in_the_query_go_on_every_credential_route") {
  CHECK(injected(kBearer, head_of("/?access_token=own&a=1&API-KEY=own&apikey=own"))
            .starts_with("GET /?a=1 HTTP/1.1\r\n"));
  CHECK(injected(kBearer, head_of("/?api_key=own")).starts_with("GET / HTTP/1.1\r\n"));
  CHECK(injected(kBearer, head_of("/?key=value")).starts_with("GET /?key=value HTTP/1.1\r\n"));
}

TEST_CASE("attack_151_what_cannot_stand_in_a_header_is_never_written") {
  constexpr std::string_view kValues[] = {"a\r\nX: y",   "a\nb",    "a\rb",    {"a\0b", 3}, "a\x7f",
                                          "caf\xc3\xa9", " S3CR3T", "S3CR3T ", "\tS3CR3T",  "S3CR3T\t"};
  for (const std::string_view value : kValues) {
    CAPTURE(value);
    for (const Injection& binding : {kBearer, kKeyHeader}) {
      auto head = head_of("/", "Authorization: own\r\n");
      const auto done = inject(binding, secret(value), head);
      REQUIRE_FALSE(done.has_value());
      CHECK(done.error().code == Errc::kInvalid);
      CHECK_FALSE(done.error().message.contains(value));
      CHECK(head.fields.size() == 1);  // unchanged
    }
  }
  CHECK(injected(kBearer, head_of("/"), "a b\tc").contains("Bearer a b\tc\r\n"));
}

TEST_CASE("bindings_that_make_no_sense_are_refused") {
  const auto refused = [](const Injection& binding) { return injected(binding, head_of("/")).starts_with("error: "); };
  CHECK(refused({.as = As::kBasic, .username = "a:b"}));
  CHECK(refused({.as = As::kBasic}));
  CHECK(refused({.as = As::kHeader, .name = "Host"}));
  CHECK(refused({.as = As::kHeader, .name = "Transfer_Encoding"}));
  CHECK(refused({.as = As::kHeader, .name = "X-Forwarded-For"}));
  CHECK(refused({.as = As::kHeader, .name = ""}));
  CHECK(refused({.as = As::kHeader, .name = "X-Key", .format = "none"}));
  CHECK(refused({.as = As::kHeader, .name = "X-Key", .format = "{} {}"}));
  CHECK(refused({.as = As::kHeader, .name = "X-Key", .format = "a\r\nb: {}"}));
  CHECK(refused({.as = As::kQuery}));
  CHECK_FALSE(refused({.as = As::kHeader, .name = "X-Key", .format = "k=\"{}\""}));
}

TEST_CASE("what_google_calls_key_is_a_key_there_and_a_name_elsewhere") {
  const auto left = [](std::string_view host, std::string_view target) {
    auto head = head_of(target);
    head.authority = http::parse_authority(host).value();
    remove_own_credentials(head);
    return head.path.query.value_or("");
  };
  for (const std::string_view spelling : {"key", "KEY", "%6bey", "$key", "%24key", "key%5B%5D", "+key"}) {
    CAPTURE(spelling);
    const std::string target = "/v1/places?q=1&" + std::string(spelling) + "=own;x";
    CHECK(left("maps.googleapis.com", target) == "q=1;x");
    CHECK(left("europe-west1-aiplatform.googleapis.com", target) == "q=1;x");
    CHECK(left("api.test", target) == target.substr(target.find('?') + 1));
    CHECK(left("googleapis.com.evil.test", target) == target.substr(target.find('?') + 1));
    CHECK(left("notgoogleapis.com", target) == target.substr(target.find('?') + 1));
    CHECK(left("198.51.100.1", target) == target.substr(target.find('?') + 1));
  }
  CHECK(left("maps.googleapis.com", "/?keys=1&monkey=2&api_key=own") == "keys=1&monkey=2");
}

TEST_CASE("own_credentials_can_be_removed_without_adding_any") {
  auto head = head_of("/?api_key=own&a=1", "Authorization: own\r\nAccept: */*\r\n");
  remove_own_credentials(head);
  CHECK(serialise(head) == "GET /?a=1 HTTP/1.1\r\nHost: api.test\r\nAccept: */*\r\n\r\n");
}
