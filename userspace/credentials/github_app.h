// A GitHub App: what GitHub is asked for an installation token, and what it answers ("Create an installation access
// token for an app" of its REST API, "Generating a JSON Web Token (JWT) for a GitHub App"). Pure.
#pragma once

#include "credentials/https_message.h"
#include "credentials/value.h"
#include "policy/credential_exchange.h"

namespace enforcer::credentials {

/// kInvalid: `key` is no RSA private key in PEM, or the request cannot be made of these names.
Result<HttpsRequest> github_app_request(const policy::GithubAppExchange& exchange, const Secret& key,
                                        WallClock::time_point now);

/// kUnavailable: GitHub said no, with its own words, or something that is no token.
Result<Value> read_github_app_answer(const HttpsResponse& response, WallClock::time_point now);

}  // namespace enforcer::credentials
