// What a command printed, as a value: the text itself, or JSON that also says until when, when it begins with '{':
//
//   {"value": "...", "expires": "2026-12-31T00:00:00Z"}
//   {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
//    "status": {"token": "...", "expirationTimestamp": "..."}}
//   keys of AWS, where the credential is one (aws_keys_text.h)
//
// Other fields are ignored: such commands have more to say than we ask.
#pragma once

#include "credentials/rfc3339.h"
#include "credentials/value.h"

namespace enforcer::credentials {

/// kInvalid: not a value of the shape (see value_of), JSON that is broken or has none of the forms, an expiry that is
/// no RFC 3339 time or has passed. The message holds nothing of the output.
Result<Value> read_output(std::string_view output, Shape shape, WallClock::time_point now);

}  // namespace enforcer::credentials
