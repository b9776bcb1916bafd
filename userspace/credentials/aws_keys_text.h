// Keys of AWS in the forms in which tools give them:
//
//   what `credential_process` programs print (AWS SDKs and Tools Reference Guide, "Process credential provider"):
//     {"Version": 1, "AccessKeyId": "...", "SecretAccessKey": "...", "SessionToken": "...", "Expiration": "..."}
//   what `aws sts assume-role` and its relatives print: {"Credentials": {the same without Version}}
//   the lines of a credentials file, of one section: aws_access_key_id = ..., aws_secret_access_key = ...,
//     aws_session_token = ...
//   the two or three keys bare, each on a line of its own
//
// What else stands in JSON or in the file is ignored.
#pragma once

#include "credentials/value.h"

namespace enforcer::credentials {

/// A value of shape kKeyPair (aws_keys.h). kInvalid, without a byte of the text in the message: it has none of the
/// forms, a key is missing, there twice or not of AWS's characters, or the expiry is no time or is not after `now`.
Result<Value> read_aws_keys(std::string_view text, WallClock::time_point now);

}  // namespace enforcer::credentials
