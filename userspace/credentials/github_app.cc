#include "credentials/github_app.h"

#include <fmt/format.h>

#include "base/percent.h"
#include "credentials/jwt.h"
#include "credentials/rfc3339.h"
#include "credentials/service_answer.h"

namespace enforcer::credentials {
namespace {

namespace chrono = std::chrono;

/// GitHub's documentation: `iat` 60 seconds in the past against clock drift, `exp` no more than 10 minutes ahead.
constexpr chrono::seconds kAppTokenSkew{60};
constexpr chrono::seconds kAppTokenLife = chrono::minutes(9);

Result<WipedString> app_token(const std::string& app, const Secret& key, WallClock::time_point now) {
  const auto at = chrono::floor<chrono::seconds>(now).time_since_epoch();
  const nlohmann::json claims = {
      {"iss", app}, {"iat", (at - kAppTokenSkew).count()}, {"exp", (at + kAppTokenLife).count()}};
  return sign_rs256(kJwtHeader, claims.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), key);
}

std::string bearer_of(std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  std::string out;
  out.reserve(kScheme.size() + token.size());
  out += kScheme;
  out += token;
  return out;
}

}  // namespace

Result<HttpsRequest> github_app_request(const policy::GithubAppExchange& exchange, const Secret& key,
                                        WallClock::time_point now) {
  const std::string below = fmt::format("/app/installations/{}/access_tokens", percent_encode(exchange.installation));
  HttpsRequest request = TRY(HttpsRequest::make("POST", exchange.api, below));
  request.confidential = TRY(app_token(exchange.app, key, now));
  request.add("Accept", "application/vnd.github+json");
  request.add("X-GitHub-Api-Version", "2022-11-28");
  request.add("User-Agent", "enforcer");  // GitHub refuses requests without one
  request.add_secret("Authorization", bearer_of(request.confidential));
  nlohmann::json wanted = nlohmann::json::object();
  if (!exchange.repositories.empty()) wanted["repositories"] = exchange.repositories;
  for (const auto& [permission, level] : exchange.permissions) wanted["permissions"][permission] = level;
  request.set_body(WipedString(wanted.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)), kJsonType);
  return request;
}

Result<Value> read_github_app_answer(const HttpsResponse& response, WallClock::time_point now) {
  auto object = object_in(response);
  if (response.status != 201) {
    return fail_refused(response, object ? text_in(*object, "message").value_or("") : std::string_view());
  }
  if (!object) return std::unexpected(std::move(object).error());
  const auto text = text_in(*object, "token");
  if (!text) return fail_unexpected("no text \"token\"");
  const auto ends = text_in(*object, "expires_at");
  const auto expires = ends ? parse_rfc3339(*ends) : std::unexpected(Error{});
  if (!expires) return fail_unexpected("an \"expires_at\" that is no time of RFC 3339");
  if (*expires <= now) return fail_unexpected("a token that has already expired: is the clock right?");
  return Value{.secret = TRY(token_of(*text)), .expires = *expires};
}

}  // namespace enforcer::credentials
