#include "policy/token_endpoints.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "base/ascii.h"
#include "policy/glob.h"
#include "policy/request_matcher.h"

namespace enforcer::policy {
namespace {

// OAuth and OpenID Connect, token servers of container registries, Vault: there is nothing to be had there but tokens,
// with whatever method.
constexpr std::string_view kTokenPaths[] = {
    "/token",
    "/v*/token",
    "/**/oauth/token",
    "/**/oauth2/token",
    "/**/oauth2/v*/token",
    "/**/oauth2/*/v*/token",
    "/**/connect/token",
    "/**/openid-connect/token",
    "/**/login/oauth/access_token",
    "/v1/auth/token/create",
    "/v1/auth/token/create/*",
    "/v1/auth/token/create-orphan",
    "/v1/auth/**/login",
    "/v1/auth/**/login/*",
    "/v1/auth/**/role/*/secret-id",
    "/federation/credentials",
};

// What only lists when it is read. Forges run below a prefix of their own, such as /api/v3 and /api/v4.
constexpr std::string_view kCreatingPaths[] = {
    // GitHub
    "/**/app/installations/*/access_tokens",
    "/**/app-manifests/*/conversions",
    "/**/applications/*/token",
    "/**/applications/*/token/scoped",
    "/**/authorizations",
    "/**/authorizations/clients/**",
    "/**/user/keys",
    "/**/user/gpg_keys",
    "/**/user/ssh_signing_keys",
    "/**/repos/*/*/keys",
    "/**/actions/runners/registration-token",
    "/**/actions/runners/remove-token",
    "/**/actions/runners/generate-jitconfig",
    // GitLab
    "/**/personal_access_tokens",
    "/**/personal_access_tokens/**",
    "/**/impersonation_tokens",
    "/**/access_tokens",
    "/**/access_tokens/*/rotate",
    "/**/access_tokens/self/rotate",
    "/**/deploy_tokens",
    "/**/deploy_keys",
    "/**/deploy_keys/*/enable",
    "/**/users/*/keys",
    "/**/user/runners",
    "/**/reset_registration_token",
    "/**/reset_authentication_token",
    "/**/cluster_agents/*/tokens",
    // Google
    "/**/*:generateAccessToken",
    "/**/*:generateIdToken",
    "/**/*:signJwt",
    "/**/*:signBlob",
    "/**/serviceAccounts/*/keys",
    "/**/serviceAccounts/*/keys:upload",
    // Azure and Microsoft Graph
    "/**/listKeys",
    "/**/regenerateKey",
    "/**/listAccountSas",
    "/**/listServiceSas",
    "/**/applications/*/addPassword",
    "/**/servicePrincipals/*/addPassword",
    // Kubernetes
    "/**/serviceaccounts/*/token",
    "/**/certificatesigningrequests",
    // Slack, Stripe, OpenAI, registries of npm's kind
    "/api/oauth.access",
    "/api/oauth.v2.access",
    "/api/oauth.v2.exchange",
    "/api/openid.connect.token",
    "/api/tooling.tokens.rotate",
    "/v1/ephemeral_keys",
    "/v1/realtime/client_secrets",
    "/v1/realtime/sessions",
    "/v1/organization/admin_api_keys",
    "/v1/organization/projects/*/service_accounts",
    "/**/-/npm/v1/tokens",
    "/**/-/user/org.couchdb.user:*",
};

// The service has no protocol in which an action is told.
struct MintingPath {
  std::string_view service;
  std::string_view path;
};
constexpr MintingPath kMintingPaths[] = {
    {"codeartifact", "/v1/authorization-token"},
    {"s3", "/v20180820/accessgrantsinstance/dataaccess"},
    {"lakeformation", "/GetTemporaryGlueTableCredentials"},
    {"lakeformation", "/GetTemporaryGluePartitionCredentials"},
    {"lakeformation", "/GetTemporaryDataLocationCredentials"},
    {"rolesanywhere", "/sessions"},
};

/// Globs of actions, as IAM writes them.
struct Minting {
  std::string_view service;
  std::string_view action;
};
constexpr Minting kMinting[] = {
    {"sts", "AssumeRole*"},
    {"sts", "AssumeRoot"},
    {"sts", "GetSessionToken"},
    {"sts", "GetFederationToken"},
    {"sts", "GetWebIdentityToken"},
    {"sts", "GetDelegatedAccessToken"},
    {"iam", "CreateAccessKey"},
    {"iam", "CreateLoginProfile"},
    {"iam", "UpdateLoginProfile"},
    {"iam", "CreateServiceSpecificCredential"},
    {"iam", "ResetServiceSpecificCredential"},
    {"iam", "UploadSSHPublicKey"},
    {"iam", "UploadSigningCertificate"},
    {"cognito-identity", "GetCredentialsForIdentity"},
    {"cognito-identity", "GetOpenIdToken*"},
    {"cognito-idp", "*InitiateAuth"},
    {"cognito-idp", "*RespondToAuthChallenge"},
    {"cognito-idp", "GetTokensFromRefreshToken"},
    {"cognito-idp", "AdminSetUserPassword"},
    {"cognito-idp", "CreateUserPoolClient"},
    {"ecr", "GetAuthorizationToken"},
    {"ecr-public", "GetAuthorizationToken"},
    {"redshift", "GetClusterCredentials*"},
    {"redshift-serverless", "GetCredentials"},
    {"datazone", "GetEnvironmentCredentials"},
    {"elasticmapreduce", "GetClusterSessionCredentials"},
    {"gamelift", "GetComputeAuthToken"},
    {"gamelift", "GetInstanceAccess"},
    {"ssm", "StartSession"},
};

bool reads_only(const RequestFacts& request) {
  static constexpr std::string_view kReading[] = {"GET", "HEAD", "OPTIONS"};
  if (std::ranges::find(kReading, request.method) == std::end(kReading)) return false;
  // Frameworks take another method from these.
  return std::ranges::none_of(request.fields, [](const FieldFact& field) {
    return field.name == "x-http-method-override" || field.name == "x-http-method" || field.name == "x-method-override";
  });
}

/// A colon may be escaped, and is one to the origin all the same; normalising leaves it as it is (RFC 3986 2.2).
std::string with_colons(std::string path) {
  for (auto at = path.find("%3A"); at != std::string::npos; at = path.find("%3A", at)) path.replace(at, 3, ":");
  return path;
}

bool any_fits(std::span<const std::string_view> patterns, std::string_view path) {
  return std::ranges::any_of(patterns,
                             [&](std::string_view pattern) { return path_fits(pattern, path, Leaning::kObjecting); });
}

bool mints(std::string_view service) {
  return std::ranges::find(kMinting, service, &Minting::service) != std::end(kMinting);
}

}  // namespace

bool is_token_endpoint(const RequestFacts& request) {
  const std::string path = with_colons(request.path);
  return any_fits(kTokenPaths, path) || (!reads_only(request) && any_fits(kCreatingPaths, path));
}

bool is_minting_call(const RequestFacts& request, std::span<const std::string> services) {
  const AwsCall call = request.aws.value_or(AwsCall());
  const auto by_path = [&](const MintingPath& minting) {
    return (call.service.empty() || minting.service == call.service) &&
           path_matches(minting.path, request.path, Letters::kFolded);
  };
  if (std::ranges::any_of(kMintingPaths, by_path)) return true;
  if (call.service.empty()) return std::ranges::any_of(services, mints);
  if (call.action.empty()) return mints(call.service);
  return std::ranges::any_of(kMinting, [&](const Minting& minting) {
    return minting.service == call.service && glob_matches(minting.action, call.action, Letters::kFolded);
  });
}

}  // namespace enforcer::policy
