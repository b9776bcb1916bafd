// ServerContext: how we terminate TLS towards guests. TLS 1.2 and 1.3, AEAD ciphers, no renegotiation, no compression,
// no early data (it could be replayed, and a request is decided once), no client certificates asked for.
//
// One per worker; not thread-safe. The certificate is each connection's own (an SSL_CTX for each name would cost a
// hundred times as much).
//
// Tickets make a guest's second connection cheap. They are sealed with this context's own keys, and each carries the
// hash of guest, epoch and name: presented by another guest, after a reboot or for another name it is not taken, and a
// full handshake follows (invariant 9). The keys are not rotated while the process lives: what they protect passes
// between a guest and its own host only.
#pragma once

#include <memory>

#include "base/host_name.h"
#include "base/ids.h"
#include "base/result.h"
#include "tls/application_protocol.h"
#include "tls/handles.h"
#include "tls/leaf.h"

namespace enforcer::tls {

/// One connection of a guest that is to be terminated. The references need not outlive Stream::accept().
struct Acceptance {
  const GuestName& guest;
  Epoch epoch;
  const HostName& host;  ///< the name decided on; a hello that asks for another one fails
  const Leaf& leaf;      ///< the certificate for it
  ApplicationProtocols protocols;
};

class ServerContext {
 public:
  static Result<std::unique_ptr<ServerContext>> make();

 private:
  friend class Stream;
  explicit ServerContext(ContextHandle context) : context_(std::move(context)) {}
  Result<SessionHandle> open(const Acceptance& how) const;

  ContextHandle context_;
};

}  // namespace enforcer::tls
