// A private key in PEM (RFC 7468), as a value.
#pragma once

#include "credentials/value.h"

namespace enforcer::credentials {

/// The text without white space around it. kInvalid, without a byte of it in the message: it is not one private key in
/// PEM, is encrypted, is broken, or is neither of RSA with 2048 bits or more (RFC 7518 3.3) nor of elliptic curves.
Result<Value> read_private_key(std::string_view text);

}  // namespace enforcer::credentials
