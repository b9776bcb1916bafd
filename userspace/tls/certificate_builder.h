// CertificateBuilder: an X.509 v3 certificate, field by field (RFC 5280). Not for headers.
//
// Calls cannot fail one by one in a way that anybody could act on (memory is out): sign() says whether all of them
// went well.
#pragma once

#include <string>

#include "base/deadline.h"
#include "base/host_name.h"
#include "tls/openssl.h"

namespace enforcer::tls {

/// A new P-256 key.
Result<KeyHandle> make_key();

class CertificateBuilder {
 public:
  /// With a random serial number of 128 bits.
  CertificateBuilder();

  /// A subject with this CN; not called: an empty one.
  void common_name(const std::string& text);
  void valid(WallClock::time_point from, WallClock::time_point until);
  void key(const KeyHandle& key);
  /// Not called: its own.
  void issuer(const CertificateHandle& issuer);

  /// An extension in the notation of OpenSSL's configuration ("critical,CA:FALSE"); constants of ours only.
  /// After key() and issuer().
  void extension(int nid, const char* value);
  /// subjectAltName: exactly this DNS name.
  void only_name(const HostName& host);

  Result<CertificateHandle> sign(const KeyHandle& by);

 private:
  CertificateHandle certificate_;
  X509* issuer_;
  bool good_ = true;
};

}  // namespace enforcer::tls
