// What a person wants to know of a certificate. Its key and its trust are other folders' business.
#pragma once

#include <string>
#include <string_view>

#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::tls {

struct CertificateText {
  std::string subject;      ///< RFC 2253, "CN=Enforcer CA,O=...", printable ASCII
  std::string fingerprint;  ///< SHA-256 of the DER, "AB:CD:..."
  WallClock::time_point not_before;
  WallClock::time_point not_after;
};

/// Of the first certificate in `pem`. kInvalid: there is none.
Result<CertificateText> describe_certificate(std::string_view pem);

}  // namespace enforcer::tls
