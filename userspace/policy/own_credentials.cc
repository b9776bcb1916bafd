#include "policy/own_credentials.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "policy/parameters.h"

namespace enforcer::policy {
namespace {

/// The common ones, whoever the service is.
constexpr std::string_view kCredentialFields[] = {
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-auth-token",
    "x-amz-security-token",
    "x-access-token",
    "private-token",
    "x-goog-api-key",
    "job-token",
    "deploy-token",
    "x-auth-key",
    "x-auth-email",
    "x-vault-token",
    "x-api-token",
    "api-token",
    "apikey",
    "x-jfrog-art-api",
    "x-nuget-apikey",
    "dd-api-key",
    "xi-api-key",
    "x-consul-token",
    "dd-application-key",
    "x-figma-token",
    "x-shopify-access-token",
    "ocp-apim-subscription-key",
};

/// RFC 6750 2.3, and what API keys are called.
constexpr std::string_view kCredentialParameters[] = {"access-token",  "api-key",   "apikey",
                                                      "private-token", "job-token", "auth-token",
                                                      "oauth-token",   "token",     "subscription-key"};

/// "System parameters" of Google's APIs.
constexpr std::string_view kGoogleKeys[] = {"key", "$key"};
constexpr std::string_view kBelowGoogle = ".googleapis.com";

/// URLs that somebody else has signed: AWS's signatures of versions 4 and 2, Google's, Azure's. They are not removed
/// from where a credential of ours is added, because a signature that is to be made again begins with them.
constexpr std::string_view kSignatureParameters[] = {
    "x-amz-credential",  "x-amz-signature",  "x-amz-security-token", "awsaccesskeyid",
    "x-goog-credential", "x-goog-signature", "googleaccessid",       "sig",
};

template <class Names>
bool is_among(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

}  // namespace

bool is_credential_field(std::string_view name) {
  return is_among(kCredentialFields, name);
}

bool is_credential_parameter(std::string_view name, const HostName* host) {
  if (is_among(kCredentialParameters, name)) return true;
  return host != nullptr && host->text().ends_with(kBelowGoogle) && is_among(kGoogleKeys, name);
}

bool brings_credential(const Facts& facts) {
  ENFORCER_CHECK(facts.request != nullptr);
  const RequestFacts& request = *facts.request;
  const auto carries = [](const FieldFact& field) { return is_credential_field(field.name); };
  if (std::ranges::any_of(request.fields, carries)) return true;
  const HostName* const host = facts.host ? &*facts.host : nullptr;
  std::string_view rest = request.query ? std::string_view(*request.query) : "";
  std::string_view piece;
  while (next_piece(rest, kLenientSeparators, piece)) {
    const std::string name = comparable_parameter(piece.substr(0, piece.find('=')));
    if (is_credential_parameter(name, host) || is_among(kSignatureParameters, name)) return true;
  }
  return false;
}

}  // namespace enforcer::policy
