// OAuth 2.0: what a token endpoint is asked for an access token, and what it answers (RFC 6749 4.4, 5 and 6; RFC 7523
// 2.1). Pure.
#pragma once

#include <memory>

#include "credentials/https_message.h"
#include "credentials/value.h"
#include "policy/credential_exchange.h"

namespace enforcer::credentials {

/// `value` is the client's secret, its refresh token, or its private key. kInvalid: it cannot be used as that.
Result<HttpsRequest> oauth2_request(const policy::Oauth2Exchange& exchange, const Secret& value,
                                    WallClock::time_point now);

struct Oauth2Answer {
  Value token;
  /// RFC 6749 6: the next refresh is to be with this one, and the one before may be of no use from now on. Null: the
  /// server sent none, or the same.
  std::shared_ptr<const Secret> next_refresh_token;
};

/// kUnavailable: the server said no, with its own words, or something that is no token answer. kDenied: the grant
/// itself is of no use (invalid_grant): a refresh token has ended, or was used by somebody else.
Result<Oauth2Answer> read_oauth2_answer(const HttpsResponse& response, WallClock::time_point now);

}  // namespace enforcer::credentials
