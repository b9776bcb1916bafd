// AwsKeys: an access key of AWS, out of a value of shape kKeyPair.
#pragma once

#include <string_view>

#include "base/secret.h"

namespace enforcer::credentials {

/// Views of a Secret.
struct AwsKeys {
  std::string_view access_key_id;      ///< no secret: it stands in every signed request
  std::string_view secret_access_key;
  std::string_view session_token;      ///< empty: long-lived keys
};

}  // namespace enforcer::credentials
