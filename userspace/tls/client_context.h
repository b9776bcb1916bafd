// ClientContext: how we speak TLS to origins. The chain and the name are always verified, there is no way to ask for
// less; TLS 1.2 and 1.3, AEAD ciphers, no renegotiation, never a client certificate, no session kept for later (a
// session kept would have to carry whose it is, invariant 9).
//
// Trust is read whole in make(): nothing is opened later, neither a file nor OpenSSL's lazily read folder. Guest CAs
// are never in it, so what a guest's CA vouches for is no origin.
//
// One per worker; not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/host_name.h"
#include "base/result.h"
#include "tls/application_protocol.h"
#include "tls/handles.h"

namespace enforcer::tls {

/// Whom to trust. With neither, no origin can be verified.
struct TrustSources {
  bool system = true;              ///< what Debian's ca-certificates collected
  std::vector<std::string> files;  ///< PEM, any number of certificates each
};

/// Debian's name for it; update-ca-certificates(8) writes it.
inline constexpr const char* kSystemTrustFile = "/etc/ssl/certs/ca-certificates.crt";

class ClientContext {
 public:
  /// kIo: a file cannot be read. kInvalid: a file holds something that is no certificate, or none; the message says
  /// which file, line and entry.
  static Result<std::unique_ptr<ClientContext>> make(const TrustSources& trust);

 private:
  friend class Stream;
  explicit ClientContext(ContextHandle context) : context_(std::move(context)) {}
  Result<SessionHandle> open(const HostName& host, const ApplicationProtocols& protocols) const;

  ContextHandle context_;
};

}  // namespace enforcer::tls
