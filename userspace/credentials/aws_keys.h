// AwsKeys: an access key of AWS, out of a value of shape kKeyPair, whose one form is
//
//   access key id LF secret access key [LF session token]
#pragma once

#include <string_view>

#include "base/secret.h"

namespace enforcer::credentials {

/// Views of a Secret.
struct AwsKeys {
  std::string_view access_key_id;  ///< no secret: it stands in every signed request
  std::string_view secret_access_key;
  std::string_view session_token;  ///< empty: long-lived keys
};

/// `value` came from secret_of(), as every value of that shape does.
[[nodiscard]] AwsKeys keys_in(const Secret& value);

/// The value that holds the keys. kInvalid, without a byte of them in the message: one is missing, has characters that
/// such keys do not have (of Base64, its form for URLs, and no others; an id has no '+', '/' and '='), or they are too
/// long for a secret.
Result<Secret> secret_of(const AwsKeys& keys);

}  // namespace enforcer::credentials
