// HashiCorp Vault, and what speaks its API: what it is asked for a secret of a KV version 2 engine, and for a token of
// its own by AppRole, and what it answers ("KV secrets engine - version 2 (API)", "AppRole auth method (API)"). Pure.
#pragma once

#include <chrono>
#include <memory>

#include "credentials/https_message.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

/// kInvalid: the mount or the path of the place cannot stand in a URL.
Result<HttpsRequest> vault_read_request(const policy::VaultPlace& place, const Secret& token);
/// The field `key` as it is stored. kNotFound: there is no such secret, or no such field in it. kDenied: the token does
/// not give it. kUnavailable: anything else than a text in a field.
Result<WipedString> read_vault_answer(const HttpsResponse& response, std::string_view key);

Result<HttpsRequest> vault_login_request(const policy::VaultPlace& place, const Secret& secret_id);

struct VaultLogin {
  std::shared_ptr<const Secret> token;
  std::chrono::seconds lifetime;  ///< a token without an end is one of an hour: then it is asked for again
};
/// Errors as above.
Result<VaultLogin> read_vault_login(const HttpsResponse& response);

}  // namespace enforcer::credentials
