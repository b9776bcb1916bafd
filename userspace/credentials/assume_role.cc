#include "credentials/assume_role.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "credentials/aws_keys.h"
#include "credentials/rfc3339.h"
#include "credentials/service_answer.h"
#include "credentials/sts_xml.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kShortestSessionName = 2;
constexpr std::size_t kLongestSessionName = 64;
constexpr std::size_t kLongestTagValue = 256;

std::string cleaned(std::string text, std::string_view allowed, std::size_t longest) {
  if (text.size() > longest) text.resize(longest);
  std::ranges::replace_if(text, [&](char c) { return !ascii::is_alphanumeric(c) && !allowed.contains(c); }, '-');
  return text;
}

struct SessionKeys {
  WipedString id;
  WipedString secret;
  WipedString token;
  WallClock::time_point expires;
};

/// STS's JSON has seconds since 1970, as a number with a fraction; its XML has RFC 3339.
std::optional<WallClock::time_point> time_in(const WipedJson& json) {
  if (json.is_string()) {
    const auto time = parse_rfc3339(json.get_ref<const WipedString&>());
    return time ? std::optional(*time) : std::nullopt;
  }
  constexpr double kLatest = 7'258'118'400;  // 2200-01-01
  if (!json.is_number()) return std::nullopt;
  const auto seconds = json.get<double>();
  if (!(seconds > 0 && seconds < kLatest)) return std::nullopt;
  return WallClock::time_point(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
}

std::optional<SessionKeys> keys_in_json(const WipedJson& object) {
  const WipedJson* place = &object;
  for (const std::string_view step : {"AssumeRoleResponse", "AssumeRoleResult", "Credentials"}) {
    place = member_of(*place, step);
    if (place == nullptr) return std::nullopt;
  }
  const auto id = text_in(*place, "AccessKeyId");
  const auto secret = text_in(*place, "SecretAccessKey");
  const auto token = text_in(*place, "SessionToken");
  const WipedJson* ends = member_of(*place, "Expiration");
  const auto expires = ends == nullptr ? std::nullopt : time_in(*ends);
  if (!id || !secret || !token || !expires) return std::nullopt;
  return SessionKeys{WipedString(*id), WipedString(*secret), WipedString(*token), *expires};
}

std::optional<SessionKeys> keys_in_xml(std::string_view document) {
  const auto text = [&](std::string_view name) {
    return xml_text(document, fmt::format("AssumeRoleResponse/AssumeRoleResult/Credentials/{}", name));
  };
  auto id = text("AccessKeyId");
  auto secret = text("SecretAccessKey");
  auto token = text("SessionToken");
  const auto ends = text("Expiration");
  if (!id || !secret || !token || !ends) return std::nullopt;
  const auto expires = parse_rfc3339(*ends);
  if (!expires) return std::nullopt;
  return SessionKeys{*std::move(id), *std::move(secret), *std::move(token), *expires};
}

bool is_json(const HttpsResponse& response) {
  return response.body.starts_with('{');
}

/// {"Error": {"Code": ..., "Message": ...}}, or the same as XML.
std::unexpected<Error> fail_sts(const HttpsResponse& response) {
  WipedString code;
  WipedString message;
  if (is_json(response)) {
    const auto object = object_in(response);
    const WipedJson* error = object ? member_of(*object, "Error") : nullptr;
    if (error != nullptr) {
      code = text_in(*error, "Code").value_or("");
      message = text_in(*error, "Message").value_or("");
    }
  } else {
    code = xml_text(response.body, "ErrorResponse/Error/Code").value_or("");
    message = xml_text(response.body, "ErrorResponse/Error/Message").value_or("");
  }
  if (!code.empty() && !message.empty()) code += ": ";
  return fail_refused(response, code + message);
}

}  // namespace

Result<HttpsRequest> assume_role_request(const policy::AssumeRoleExchange& exchange, const GuestIdentity& guest) {
  const std::string name = cleaned(expand(exchange.session_name, guest), exchange.kInSessionName, kLongestSessionName);
  if (name.size() < kShortestSessionName) {
    return fail(Errc::kInvalid, fmt::format("the session's name '{}' has less than 2 characters for guest '{}'",
                                            exchange.session_name, guest.name.text()));
  }
  HttpsRequest request = TRY(HttpsRequest::make("POST", exchange.sts));
  request.add("Accept", kJsonType);
  WipedString form;
  add_form_field(form, "Action", "AssumeRole");
  add_form_field(form, "Version", "2011-06-15");
  add_form_field(form, "RoleArn", exchange.role);
  add_form_field(form, "RoleSessionName", name);
  add_form_field(form, "DurationSeconds", std::to_string(exchange.duration.count()));
  if (!exchange.session_policy.empty()) add_form_field(form, "Policy", exchange.session_policy);
  std::size_t number = 0;
  for (const auto& [key, value] : exchange.tags) {
    ++number;
    add_form_field(form, fmt::format("Tags.member.{}.Key", number), key);
    add_form_field(form, fmt::format("Tags.member.{}.Value", number),
                   cleaned(expand(value, guest), exchange.kInTagValue, kLongestTagValue));
  }
  request.set_body(std::move(form), kFormType);
  return request;
}

Result<Value> read_assume_role_answer(const HttpsResponse& response, WallClock::time_point now) {
  if (response.status != 200) return fail_sts(response);
  std::optional<SessionKeys> keys;
  if (is_json(response)) {
    const WipedJson object = TRY(object_in(response));
    keys = keys_in_json(object);
  } else {
    keys = keys_in_xml(response.body);
  }
  if (!keys) return fail_unexpected("no keys of a session with their expiry");
  if (keys->token.empty()) return fail_unexpected("keys of a session without its token");
  if (keys->expires <= now) return fail_unexpected("keys that have already expired: is the clock right?");
  auto secret = secret_of({.access_key_id = keys->id, .secret_access_key = keys->secret, .session_token = keys->token});
  if (!secret) return fail_unexpected(fmt::format("keys that are none: {}", secret.error().message));
  return Value{.secret = std::make_shared<const Secret>(*std::move(secret)), .expires = keys->expires};
}

}  // namespace enforcer::credentials
