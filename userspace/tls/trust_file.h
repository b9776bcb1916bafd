// TrustFile: certificates in PEM that an operator or the system wrote. Not for headers.
#pragma once

#include <string>

#include "tls/openssl.h"

namespace enforcer::tls {

/// Adds every certificate of the file. kIo: it cannot be read. kInvalid: something in it is no certificate, or there is
/// none at all; the message begins with path and line.
Result<> add_trusted(X509_STORE& store, const std::string& path);

}  // namespace enforcer::tls
