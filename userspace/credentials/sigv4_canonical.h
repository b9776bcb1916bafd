// The one text that both ends of AWS Signature Version 4 make of a request (AWS, "Create a signed AWS API request",
// steps 1 and 2; "Authenticating Requests: Using the Authorization Header" for S3).
//
// Two rules for the path. S3 signs it as it is sent, escaped once. Every other service normalises it, which http/path.h
// has done before, and escapes what is sent a second time.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "credentials/sigv4_key.h"

namespace enforcer::credentials {

/// S3, and the services that are S3 under another name in the scope.
[[nodiscard]] bool signs_as_s3(std::string_view service);

/// `path`: as it is sent.
[[nodiscard]] std::string canonical_uri(std::string_view path, std::string_view service);

/// `query`: as it is sent, without the signature and without the session token, which goes in where it belongs:
/// `escaped_token` may be empty. Escapes once, sorts by name and then by value; '+' is a blank. The caller wipes it.
/// kInvalid: an escape that is none.
[[nodiscard]] Result<std::string> canonical_query(std::string_view query, std::string_view escaped_token);

/// Lines of a head that are signed: names in lower case, values as they are sent (their blanks are trimmed, and runs of
/// them made one, when they are signed). Those of one name are in order, and signed as one.
using SignedFields = std::multimap<std::string, std::string_view>;

/// "host;x-amz-date"
[[nodiscard]] std::string names_of(const SignedFields& fields);

/// The caller wipes it: the session token is in it.
[[nodiscard]] std::string canonical_request(std::string_view method, std::string_view uri, std::string_view query,
                                            const SignedFields& fields, std::string_view payload_hash);

[[nodiscard]] std::string string_to_sign(std::string_view timestamp, const SignatureScope& scope,
                                         std::string_view canonical_request);

}  // namespace enforcer::credentials
