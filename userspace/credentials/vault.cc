#include "credentials/vault.h"

#include <fmt/format.h>

#include "base/percent.h"
#include "credentials/service_answer.h"

namespace enforcer::credentials {
namespace {

constexpr std::chrono::seconds kWithoutLease = std::chrono::hours(1);

/// Each segment escaped; the slashes between them stay.
std::string escape_segments(std::string_view path) {
  std::string out;
  while (true) {
    const auto slash = path.find('/');
    out += percent_encode(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

Result<HttpsRequest> vault_request(std::string_view method, const policy::VaultPlace& place, std::string_view path) {
  const policy::HttpsUrl root{.host = place.address.host, .port = place.address.port};
  HttpsRequest request = TRY(HttpsRequest::make(method, root, path));
  request.add("Accept", kJsonType);
  request.add("X-Vault-Request", "true");  // agents may insist on it: a page in a browser cannot send it
  if (!place.name_space.empty()) request.add("X-Vault-Namespace", place.name_space);
  return request;
}

/// {"errors": ["..."]}
std::unexpected<Error> fail_vault(const HttpsResponse& response) {
  WipedString words;
  const auto object = object_in(response);
  if (const WipedJson* errors = object ? member_of(*object, "errors") : nullptr; errors && errors->is_array()) {
    for (const WipedJson& error : *errors) {
      if (!error.is_string()) continue;
      if (!words.empty()) words += "; ";
      words += error.get_ref<const WipedString&>();
    }
  }
  auto failure = fail_refused(response, words);
  if (response.status == 404) failure.error().code = Errc::kNotFound;
  if (response.status == 403) failure.error().code = Errc::kDenied;
  return failure;
}

}  // namespace

Result<HttpsRequest> vault_read_request(const policy::VaultPlace& place, const Secret& token) {
  const std::string path = fmt::format("/v1/{}/data/{}", escape_segments(place.mount), escape_segments(place.path));
  HttpsRequest request = TRY(vault_request("GET", place, path));
  request.add_secret("X-Vault-Token", std::string(token.reveal()));
  request.confidential = token.reveal();
  return request;
}

Result<WipedString> read_vault_answer(const HttpsResponse& response, std::string_view key) {
  if (response.status != 200) return fail_vault(response);
  const WipedJson object = TRY(object_in(response));
  const WipedJson* outer = member_of(object, "data");
  const WipedJson* fields = outer == nullptr ? nullptr : member_of(*outer, "data");
  if (fields == nullptr || !fields->is_object()) {
    return fail_unexpected("no fields in \"data.data\": is the engine KV version 2?");
  }
  const WipedJson* field = member_of(*fields, key);
  if (field == nullptr) return fail(Errc::kNotFound, fmt::format("the secret has no field '{}'", key));
  if (!field->is_string()) return fail_unexpected(fmt::format("a field '{}' that is no text", key));
  return field->get_ref<const WipedString&>();
}

Result<HttpsRequest> vault_login_request(const policy::VaultPlace& place, const Secret& secret_id) {
  HttpsRequest request = TRY(vault_request("POST", place, "/v1/auth/approle/login"));
  request.confidential = secret_id.reveal();
  WipedJson body;
  body["role_id"] = WipedString(place.role_id);
  body["secret_id"] = request.confidential;
  request.set_body(body.dump(-1, ' ', false, WipedJson::error_handler_t::replace), kJsonType);
  return request;
}

Result<VaultLogin> read_vault_login(const HttpsResponse& response) {
  if (response.status != 200) return fail_vault(response);
  const WipedJson object = TRY(object_in(response));
  const WipedJson* auth = member_of(object, "auth");
  const auto token = auth == nullptr ? std::nullopt : text_in(*auth, "client_token");
  const WipedJson* lease = auth == nullptr ? nullptr : member_of(*auth, "lease_duration");
  if (!token || lease == nullptr) return fail_unexpected("no \"auth\" with a token and its duration");
  const bool endless = *lease == 0;
  return VaultLogin{.token = TRY(token_of(*token)), .lifetime = endless ? kWithoutLease : TRY(lifetime_of(*lease))};
}

}  // namespace enforcer::credentials
