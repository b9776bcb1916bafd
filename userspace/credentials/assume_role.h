// AWS STS AssumeRole: what STS is asked for keys of a session, and what it answers ("AssumeRole" of the STS API
// reference). Pure; the request is still to be signed with the base keys (SigV4, service "sts").
//
// The session's name and tags say which guest it is for: CloudTrail and policies of the account can tell agents apart.
#pragma once

#include "credentials/guest_identity.h"
#include "credentials/https_message.h"
#include "credentials/value.h"
#include "policy/credential_exchange.h"

namespace enforcer::credentials {

/// kInvalid: for this guest the session's name would have less than 2 characters.
Result<HttpsRequest> assume_role_request(const policy::AssumeRoleExchange& exchange, const GuestIdentity& guest);

/// "access key id LF secret access key LF session token", with their expiry; of STS's JSON, or its XML. kUnavailable:
/// STS said no, with its own words, or something that is no such keys.
Result<Value> read_assume_role_answer(const HttpsResponse& response, WallClock::time_point now);

}  // namespace enforcer::credentials
