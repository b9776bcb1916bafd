// JSON Web Tokens (RFC 7519) in the compact form (RFC 7515 7.1), signed with RSA: how who has a key proves to a token
// service that it has it.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/wiping_allocator.h"

namespace enforcer::credentials {

/// RFC 7515 7.1 with RS256 (RFC 7518 3.3): BASE64URL(header).BASE64URL(payload).BASE64URL(signature). Until its `exp`
/// it is worth as much as the key. kInvalid: `key` is none that can sign (credentials/private_key.h).
Result<WipedString> sign_rs256(std::string_view header, std::string_view payload, const Secret& key);

inline constexpr std::string_view kJwtHeader = R"({"alg":"RS256","typ":"JWT"})";

}  // namespace enforcer::credentials
