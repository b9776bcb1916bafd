// What rules say about requests with a credential: cookies, tokens made of it, and credentials of the guest's own.
#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/aws_call.h"
#include "policy/credential_spec.h"
#include "policy/explain.h"
#include "policy/own_credentials.h"
#include "policy/token_endpoints.h"

namespace enforcer::policy::test {
namespace {

/// Keys for sts, iam, ecr and ce.
const std::string kKeys =
    "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: keys}\nspec: {source: {store: true}, inject: "
    "[{to: "
    "['**.amazonaws.com', minio.test], as: sigv4, services: [sts, iam, ecr, s3, codeartifact], regions: "
    "[us-east-1]}]}\n";

bool mints(const std::string& request) {
  return is_token_endpoint(*facts("https a.test:443 " + request).request);
}

bool brings(const std::string& request) {
  return brings_credential(facts("https a.test:443 " + request));
}

TEST_CASE("answers_may_set_cookies_where_a_rule_with_the_credential_says_so") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: some, to: [a.test], http: [{paths: ['/login']}], credential: bot, setCookie: true}, "
                   "{name: all, to: [a.test], credential: bot, setCookie: false}, {name: plain, to: [b.test]}]"),
       credential("bot", "a.test")});
  check(*policy, {{"https a.test:443 GET /login", "allow passthrough p/all with bot and cookies"},
                  {"https a.test:443 GET /", "allow passthrough p/all with bot"},
                  {"https b.test:443 GET /login", "allow passthrough p/plain"}});
}

TEST_CASE("a_credential_makes_no_tokens_unless_a_rule_says_so") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: all, to: [a.test], credential: bot}, {name: keys, to: [a.test], http: [{paths: "
                   "['/user/keys']}], credential: bot, mintTokens: true}, {name: plain, to: [b.test]}, {name: far, to: "
                   "['c.test:*'], credential: bot}]"),
       credential("bot", "a.test, c.test")});
  check(*policy, {{"https a.test:443 POST /oauth/token", "deny token_minting p/all"},
                  {"https a.test:443 POST /oauth/token2", "allow passthrough p/all with bot"},
                  {"https a.test:443 POST /user/keys", "allow passthrough p/all with bot"},
                  {"https b.test:443 POST /oauth/token", "allow passthrough p/plain"},  // nothing is added there
                  {"https c.test:8443 POST /oauth/token", "deny credential_host_mismatch p/far"},
                  {"http c.test:80 POST /oauth/token", "deny scheme"}});
}

TEST_CASE("audit_mode_lets_the_guest_make_its_own_tokens") {
  const auto policy =
      agent_policy({policy_with("mode: audit, allow: [{name: all, to: [a.test], credential: bot, foreignCredentials: "
                                "deny}]"),
                    credential("bot", "a.test")});
  check(*policy,
        {{"https a.test:443 POST /token", "allow passthrough audit_mode p/audit-mode would deny token_minting p/all"},
         {"https a.test:443 GET /|authorization: mine",
          "allow passthrough audit_mode p/audit-mode would deny foreign_credential p/all"}});
}

TEST_CASE("token_endpoints_are_known_by_method_and_path") {
  for (const char* request : {"POST /oauth/token",
                              "POST /oauth2/token",
                              "POST /oauth2/v2.0/token",
                              "POST /tenant/oauth2/v2.0/token",
                              "GET /token?service=x",
                              "POST /token",
                              "POST /v1/token",
                              "POST /connect/token",
                              "POST /login/oauth/access_token",
                              "POST /realms/x/protocol/openid-connect/token",
                              "POST /oauth2/default/v1/token",
                              "POST /app/installations/1/access_tokens",
                              "POST /api/v3/app/installations/1/access_tokens",
                              "POST /applications/c/token",
                              "PATCH /applications/c/token",
                              "POST /applications/c/token/scoped",
                              "POST /user/keys",
                              "POST /repos/a/w/keys",
                              "POST /authorizations",
                              "PUT /authorizations/clients/c",
                              "POST /repos/a/w/actions/runners/registration-token",
                              "POST /orgs/a/actions/runners/registration-token",
                              "POST /orgs/a/actions/runners/remove-token",
                              "POST /app-manifests/x/conversions",
                              "POST /api/v4/user/personal_access_tokens",
                              "POST /api/v4/users/1/impersonation_tokens",
                              "POST /api/v4/projects/a%2Fw/access_tokens",
                              "POST /api/v4/personal_access_tokens/self/rotate",
                              "POST /api/v4/projects/1/deploy_tokens",
                              "POST /api/v4/projects/1/deploy_keys",
                              "POST /v1/auth/token/create",
                              "POST /v1/auth/token/create/role",
                              "PUT /v1/auth/approle/login",
                              "POST /v1/auth/userpass/login/me",
                              "POST /v1/auth/approle/role/x/secret-id",
                              "POST /v1/projects/-/serviceAccounts/a@p.test:generateAccessToken",
                              "POST /v1/projects/-/serviceAccounts/a@p.test:generateIdToken",
                              "POST /v1/projects/-/serviceAccounts/a:signJwt",
                              "POST /v1/projects/-/serviceAccounts/a:signBlob",
                              "POST /v1/projects/p/serviceAccounts/a/keys",
                              "POST /api/v1/namespaces/n/serviceaccounts/s/token",
                              "POST /api/oauth.v2.access",
                              "POST /v1/ephemeral_keys",
                              "POST /v1/realtime/sessions",
                              "PUT /-/user/org.couchdb.user:me"}) {
    CHECK_MESSAGE(mints(request), std::string(request));
  }
  for (const char* request : {"GET /",
                              "POST /oauth",
                              "POST /oauth/tokens",
                              "POST /oauth/token/info",
                              "GET /.well-known/openid-configuration",
                              "GET /.well-known/oauth-authorization-server",
                              "GET /user/keys",
                              "GET /repos/a/w/keys",
                              "HEAD /user/keys",
                              "POST /repos/a/w/issues",
                              "POST /repos/a/w/keys/1/x",
                              "GET /app/installations/1/access_tokens",
                              "GET /api/v4/projects/1/deploy_keys",
                              "GET /v1/secret/data/x",
                              "POST /v1/auth/token/lookup-self",
                              "POST /v1/auth/token/renew-self",
                              "POST /v1/messages",
                              "POST /v1/chat/completions",
                              "POST /tokenize",
                              "POST /v1/tokens/count",
                              "POST /v1/projects/p:generateContent",
                              "GET /v1/projects/p/serviceAccounts/a/keys"}) {
    CHECK_MESSAGE(!mints(request), std::string(request));
  }
}

TEST_CASE("another_spelling_of_a_token_endpoint_is_one") {
  for (const char* request :
       {"POST /OAuth/Token", "POST /oauth/token/", "POST /oauth%2Ftoken", "POST /oauth/token;x=1",
        "POST /oauth;x/token", "POST /v1/projects/-/serviceAccounts/a%3AsignJwt", "post /user/keys",
        "DELETE /user/keys", "GET /user/keys|x-http-method-override: POST", "GET /user/keys|x-method-override: PUT"}) {
    CHECK_MESSAGE(mints(request), std::string(request));
  }
}

TEST_CASE("tokens_of_aws_are_known_by_action_where_requests_are_signed") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: all, to: ['*.us-east-1.amazonaws.com', minio.test], broad: true, credential: keys}, "
                   "{name: some, "
                   "to: [sts.us-east-1.amazonaws.com], aws: {actions: ['sts:GetSessionToken']}, credential: keys, "
                   "mintTokens: true}]"),
       kKeys});
  const auto call = [&](const std::string& host, const std::string& action) {
    return answer(*policy, "https " + host + ":443 GET /?Action=" + action);
  };
  const auto json = [&](const std::string& host, const std::string& target) {
    return answer(*policy,
                  "https " + host + ":443 POST /|content-type: application/x-amz-json-1.1|x-amz-target: " + target);
  };
  const std::string denied = "deny token_minting p/all";
  const std::string allowed = "allow passthrough p/all with keys";
  const std::string sts = "sts.us-east-1.amazonaws.com";
  const std::string iam = "iam.us-east-1.amazonaws.com";
  for (const char* action :
       {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetFederationToken", "assumerole"})
    CHECK_MESSAGE(call(sts, action) == denied, std::string(action));
  CHECK(call(sts, "GetCallerIdentity") == allowed);
  CHECK(call(sts, "GetSessionToken") == "allow passthrough p/all with keys");  // the other rule says that it may
  for (const char* action : {"CreateAccessKey", "CreateLoginProfile", "CreateServiceSpecificCredential"})
    CHECK_MESSAGE(call(iam, action) == denied, std::string(action));
  CHECK(call(iam, "ListAccessKeys") == allowed);
  CHECK(json("ecr.us-east-1.amazonaws.com", "X.GetAuthorizationToken") == denied);
  CHECK(json("ecr.us-east-1.amazonaws.com", "X.DescribeImages") == allowed);
}

TEST_CASE("invariant_2_a_call_to_aws_that_cannot_be_told_may_make_tokens") {
  const auto policy = agent_policy(
      {policy_with(
           "allow: [{name: all, to: ['*.us-east-1.amazonaws.com', minio.test], broad: true, credential: keys}]"),
       kKeys});
  check(
      *policy,
      {{"https sts.us-east-1.amazonaws.com:443 POST /", "deny token_minting p/all"},
       {"https sts.us-east-1.amazonaws.com:443 GET /?Action=GetCallerIdentity&Action=AssumeRole",
        "deny token_minting p/all"},
       {"https minio.test:443 GET /b/k", "deny token_minting p/all"},  // which service?
       {"https minio.test:443 GET /b/k|authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request",
        "allow passthrough p/all with keys"},
       {"https s3.us-east-1.amazonaws.com:443 PUT /oauth/token", "allow passthrough p/all with keys"},  // an object
       {"https codeartifact.us-east-1.amazonaws.com:443 POST /v1/authorization-token", "deny token_minting p/all"},
       {"https codeartifact.us-east-1.amazonaws.com:443 POST /v1/package", "allow passthrough p/all with keys"}});
  Facts unread = facts("https sts.us-east-1.amazonaws.com:443 GET /?Action=GetCallerIdentity");
  CHECK(answer(decide(*policy, unread)) == "allow passthrough p/all with keys");
  auto request = std::make_shared<RequestFacts>(*unread.request);
  request->aws.reset();
  unread.request = request;
  CHECK(answer(decide(*policy, unread)) == "deny token_minting p/all");
}

TEST_CASE("what_is_asked_of_aws_is_read_where_a_credential_signs") {
  const auto policy = agent_policy({policy_with("allow: [{name: all, to: ['*.us-east-1.amazonaws.com:*'], broad: true, "
                                                "credential: keys}, {name: b, to: [a.test], "
                                                "credential: bot}, {name: plain, to: ['ce.*.amazonaws.com']}]"),
                                    kKeys, credential("bot", "a.test")});
  CHECK(asks_about_aws(*policy, facts("https sts.us-east-1.amazonaws.com:443")));
  CHECK_FALSE(asks_about_aws(*policy, facts("https sts.us-east-1.amazonaws.com:8443")));  // no binding
  CHECK_FALSE(asks_about_aws(*policy, facts("https ce.eu-west-1.amazonaws.com:443")));
  CHECK_FALSE(asks_about_aws(*policy, facts("https a.test:443")));
}

TEST_CASE("a_request_with_a_credential_of_its_own_is_denied_where_a_rule_says_so") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: upload, to: [a.test, 'a.test:80'], foreignCredentials: deny}, {name: any, to: "
                   "[b.test]}, {name: bot, to: [c.test], credential: bot, foreignCredentials: deny}]"),
       credential("bot", "c.test")});
  check(*policy, {{"tls a.test:443", "allow intercept p/upload"},
                  {"tls b.test:443", "allow passthrough p/any"},
                  {"l4 a.test:443", "allow classify p/upload"},
                  {"https a.test:443 PUT /x", "allow passthrough p/upload"},
                  {"https a.test:443 PUT /x|authorization: Bearer mine", "deny foreign_credential p/upload"},
                  {"http a.test:80 PUT /x|cookie: a=b", "deny foreign_credential p/upload"},
                  {"https b.test:443 PUT /x|authorization: Bearer mine", "allow passthrough p/any"},
                  {"https c.test:443 GET /", "allow passthrough p/bot with bot"},
                  {"https c.test:443 GET /|x-api-key: mine", "deny foreign_credential p/bot"}});
  Facts unseen = facts("http a.test:80");
  unseen.request.reset();
  CHECK(answer(decide(*policy, unseen)) == "deny foreign_credential p/upload");
}

TEST_CASE("adding_a_credential_or_an_upgrade_is_no_way_to_a_rule_that_asks_less") {
  const auto policy = agent_policy(
      {policy_with("allow: [{name: strict, to: [a.test], credential: bot, foreignCredentials: deny}, {name: loose, to: "
                   "['*.test'], broad: true, websocket: true}, {name: part, to: [b.test], http: [{methods: [PUT]}], "
                   "foreignCredentials: deny}]"),
       credential("bot", "a.test")});
  check(*policy, {{"https a.test:443 GET /", "allow passthrough p/strict with bot"},
                  {"https a.test:443 GET /|authorization: mine", "deny foreign_credential p/strict"},
                  {"wss a.test:443 GET /|authorization: mine", "deny foreign_credential p/strict"},
                  {"wss a.test:443 GET /", "allow passthrough p/loose"},
                  {"https b.test:443 PUT /|authorization: mine", "deny foreign_credential p/part"},
                  {"https b.test:443 GET /|authorization: mine", "allow passthrough p/loose"}});  // of other requests
  const Explanation explanation = explain(*policy, facts("https a.test:443 GET /|authorization: mine"));
  REQUIRE(explanation.rules.size() == 2);
  CHECK(explanation.rules[0].rule->rule == "loose");
  CHECK(explanation.rules[1].match == Match::kMatched);
  CHECK(explanation.rules[1].detail == "it says 'foreignCredentials: deny', and the request brings one");
}

TEST_CASE("credentials_are_found_in_fields_and_parameters_in_any_spelling") {
  for (const char* request : {"GET /|authorization: x",
                              "GET /|proxy-authorization: x",
                              "GET /|cookie: x",
                              "GET /|x-api-key: x",
                              "GET /|x-amz-security-token: x",
                              "GET /|private-token: x",
                              "GET /|x-vault-token: x",
                              "GET /?access_token=x",
                              "GET /?a=1&api_key=x",
                              "GET /?a=1;apikey=x",
                              "GET /?API-KEY=x",
                              "GET /?api%5Fkey=x",
                              "GET /?%u0061pi_key=x",
                              "GET /?access_token[]=x",
                              "GET /?access.token=x",
                              "GET /?private_token",
                              "GET /?X-Amz-Signature=x",
                              "GET /?X-Goog-Credential=x",
                              "GET /?AWSAccessKeyId=x",
                              "GET /?sv=1&sig=x"}) {
    CHECK_MESSAGE(brings(request), std::string(request));
  }
  for (const char* request : {"GET /", "GET /|accept: authorization", "GET /|x-authorization-hint: x", "GET /?",
                              "GET /?q=access_token", "GET /?key=x", "GET /?signal=x", "GET /access_token"}) {
    CHECK_MESSAGE(!brings(request), std::string(request));
  }
  // At Google "key" is an API key, elsewhere it is the name of what is asked for.
  CHECK(brings_credential(facts("https maps.googleapis.com:443 GET /v1?q=1&%6bEY=x")));
  CHECK(brings_credential(facts("https maps.googleapis.com:443 GET /v1?$key=x")));
  CHECK_FALSE(brings_credential(facts("https maps.googleapis.com:443 GET /v1?keys=x")));
  CHECK_FALSE(brings_credential(facts("https maps.googleapis.com.test:443 GET /v1?key=x")));
}

}  // namespace
}  // namespace enforcer::policy::test
