// Connection: what OpenSSL's callbacks need to know of the connection they are called for. Not for headers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tls/application_protocol.h"
#include "tls/handshake_fault.h"
#include "tls/openssl.h"

namespace enforcer::tls {

struct Connection {
  /// What a handshake may come to.
  struct Terms {
    ApplicationProtocols protocols;
    std::string host{};  ///< of a server: the name decided on
  };

  std::unique_ptr<const Terms>
      terms;  ///< null once the handshake is over: renegotiation is refused, so no callback asks
  std::optional<ApplicationProtocol> protocol{};
  HandshakeFault refusal = HandshakeFault::kNone;  ///< what a callback refused
  unsigned idle_messages = 0;                      ///< handshake messages since the last byte of data

  /// Callbacks of `session` find this object; it must outlive the session.
  void bind(ssl_st& session);

  /// Why the handshake failed, read from OpenSSL's error queue and the session; leaves the queue as it is.
  [[nodiscard]] HandshakeFault classify(ssl_st& session) const;
  /// The same for people, after any call that failed: a constant text, never something the peer wrote.
  [[nodiscard]] static std::string_view reason(ssl_st& session);
  /// The handshake is over: sets `protocol`, and drops `terms`. False: the server chose one that we did not offer.
  [[nodiscard]] bool protocol_agreed(ssl_st& session);
};

/// What both directions have in common: versions, ciphers' strength, what is switched off.
Result<ContextHandle> make_context(const SSL_METHOD* method);

/// Callbacks of a server: ALPN and the name.
void watch_clients(ssl_ctx_st& context);

}  // namespace enforcer::tls
