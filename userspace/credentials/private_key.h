// A private key in PEM (RFC 7468), as a value, and as what signs. Of RSA, because all that signs with it is RS256
// (credentials/jwt.h).
#pragma once

#include <openssl/types.h>

#include <memory>

#include "credentials/value.h"

namespace enforcer::credentials {

struct FreeKey {
  void operator()(EVP_PKEY* key) const;
};
using RsaKey = std::unique_ptr<EVP_PKEY, FreeKey>;

/// The key. kInvalid, without a byte of the text in the message: it is not one private key in PEM (PKCS#1 or PKCS#8)
/// and nothing else, is encrypted, is broken, or is not of RSA with 2048 bits or more (RFC 7518 3.3).
Result<RsaKey> rsa_key_in(std::string_view pem);

/// The text without white space around it. kInvalid: as above.
Result<Value> read_private_key(std::string_view text);

}  // namespace enforcer::credentials
