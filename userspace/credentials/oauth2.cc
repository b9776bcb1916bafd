#include "credentials/oauth2.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <boost/beast/core/string.hpp>

#include "base/base64url.h"
#include "base/percent.h"
#include "credentials/basic.h"
#include "credentials/jwt.h"
#include "credentials/service_answer.h"

namespace enforcer::credentials {
namespace {

namespace chrono = std::chrono;
using policy::Oauth2Exchange;

/// An assertion is used at once; clocks differ.
constexpr chrono::seconds kAssertionLife = chrono::minutes(5);
constexpr chrono::seconds kAssertionSkew = chrono::minutes(1);

/// RFC 6749 2.3.1: both in form encoding, and then as Basic has them.
Result<> add_client(std::string_view id, const Secret& secret, HttpsRequest& request) {
  std::string escaped = percent_encode(secret.reveal());
  const auto password = Secret::copy_of(escaped);
  wipe(escaped);
  if (!password) return std::unexpected(password.error());
  request.add_secret("Authorization", basic_authorization(percent_encode(id), *password));
  return {};
}

Result<std::string> random_id() {
  std::array<unsigned char, 16> octets{};
  if (RAND_bytes(octets.data(), octets.size()) != 1) return fail(Errc::kUnavailable, "no random numbers");
  std::string id(base64url_size(octets.size()), '\0');
  base64url(octets, id);
  return id;
}

/// RFC 7523 3. Google's servers read the scope here (its "service accounts"), and others ignore it (RFC 7519 4).
Result<WipedString> assertion_of(const Oauth2Exchange& exchange, const Secret& key, WallClock::time_point now) {
  const auto at = chrono::floor<chrono::seconds>(now).time_since_epoch();
  nlohmann::json claims = {
      {"iss", exchange.client_id},
      {"sub", exchange.subject.empty() ? exchange.client_id : exchange.subject},
      {"aud", exchange.audience.empty() ? policy::text_of(exchange.token_url) : exchange.audience},
      {"iat", (at - kAssertionSkew).count()},
      {"exp", (at + kAssertionLife).count()},
      {"jti", TRY(random_id())},
  };
  if (!exchange.scope.empty()) claims["scope"] = exchange.scope;
  return sign_rs256(kJwtHeader, claims.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), key);
}

/// RFC 6749 5.2.
std::unexpected<Error> fail_grant(const HttpsResponse& response, const WipedJson& object) {
  const auto code = text_in(object, "error").value_or("");
  const auto description = text_in(object, "error_description").value_or("");
  auto failure = fail_refused(response, fmt::format("{}{}{}", code, description.empty() ? "" : ": ", description));
  if (code == "invalid_grant") failure.error().code = Errc::kDenied;
  return failure;
}

}  // namespace

Result<HttpsRequest> oauth2_request(const Oauth2Exchange& exchange, const Secret& value, WallClock::time_point now) {
  using Grant = Oauth2Exchange::Grant;
  HttpsRequest request = TRY(HttpsRequest::make("POST", exchange.token_url));
  request.add("Accept", kJsonType);
  request.confidential = value.reveal();
  WipedString form;
  switch (exchange.grant) {
    case Grant::kClientCredentials:
      TRY_VOID(add_client(exchange.client_id, value, request));
      add_form_field(form, "grant_type", "client_credentials");
      if (!exchange.audience.empty()) add_form_field(form, "audience", exchange.audience);
      break;
    case Grant::kRefreshToken:
      add_form_field(form, "grant_type", "refresh_token");
      add_form_field(form, "refresh_token", value.reveal());
      add_form_field(form, "client_id", exchange.client_id);
      break;
    case Grant::kJwtBearer:
      request.confidential = TRY(assertion_of(exchange, value, now));
      add_form_field(form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
      add_form_field(form, "assertion", request.confidential);
      break;
  }
  if (!exchange.scope.empty()) add_form_field(form, "scope", exchange.scope);
  request.set_body(std::move(form), kFormType);
  return request;
}

Result<Oauth2Answer> read_oauth2_answer(const HttpsResponse& response, WallClock::time_point now) {
  auto object = object_in(response);
  if (response.status != 200) return object ? fail_grant(response, *object) : fail_refused(response, {});
  if (!object) return std::unexpected(std::move(object).error());
  if (member_of(*object, "error") != nullptr) return fail_grant(response, *object);  // with 200, as some do
  const auto text = text_in(*object, "access_token");
  if (!text) return fail_unexpected("no text \"access_token\"");
  const auto type = text_in(*object, "token_type");
  if (!type || !boost::beast::iequals(*type, "bearer")) {  // RFC 6749 7.1: a type that is not understood is not used
    return fail_unexpected("a \"token_type\" that is not Bearer");
  }
  Oauth2Answer answer{.token = {.secret = TRY(token_of(*text))}};
  if (const WipedJson* lifetime = member_of(*object, "expires_in")) {
    answer.token.expires = now + TRY(lifetime_of(*lifetime));
  }
  if (const auto next = text_in(*object, "refresh_token"); next && *next != std::string_view(response.confidential)) {
    answer.next_refresh_token = TRY(token_of(*next));
  }
  return answer;
}

}  // namespace enforcer::credentials
