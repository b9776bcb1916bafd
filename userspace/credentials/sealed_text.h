// A text under a key: AES-256-GCM (NIST SP 800-38D), with a name that belongs to it, so that what was sealed under one
// name cannot be passed off as another's. In octets:
//
//   "ENFSEC" version (2, big endian)   nonce (12)   ciphertext   tag (16)
//
// A nonce is random, which is good for 2^32 texts under one key (SP 800-38D 8.3).
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace enforcer::credentials {

inline constexpr std::size_t kSealKeySize = 32;

/// `key` has kSealKeySize bytes.
Result<std::string> seal(const Secret& key, std::string_view name, const Secret& text);

/// kInvalid: not a sealed text of this version; sealed under another key or name; changed since.
Result<Secret> unseal(const Secret& key, std::string_view name, std::string_view sealed);

}  // namespace enforcer::credentials
