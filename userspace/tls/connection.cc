#include "tls/connection.h"

#include "base/bytes.h"
#include "base/host_name.h"

namespace enforcer::tls {
namespace {

// AEAD only. In TLS 1.2 with (EC)DHE, so that a key that leaks later opens nothing.
constexpr const char* kCiphers12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kCiphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr int kSecurityLevel = 2;  // 112 bits: RSA from 2,048 bits, no SHA-1 signatures
constexpr std::size_t kReadBuffer = std::size_t{2} * SSL3_RT_MAX_PLAIN_LENGTH;

Connection& connection_of(SSL* session) {
  return *static_cast<Connection*>(SSL_get_app_data(session));
}

int choose_protocol(SSL* session, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  Connection& connection = connection_of(session);
  if (!connection.terms) return SSL_TLSEXT_ERR_ALERT_FATAL;  // no handshake is under way (Connection::terms)
  for (const ApplicationProtocol protocol : connection.terms->protocols) {
    const std::string_view name = alpn_name(protocol);
    for (ByteReader rest({offered, offered_size}); rest.remaining() > 0;) {
      const Bytes offer = rest.take(rest.u8());
      if (as_text(offer) != name) continue;
      *chosen = offer.data();
      *chosen_size = static_cast<unsigned char>(offer.size());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  connection.refusal = HandshakeFault::kAlpn;
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
}

/// What was decided on was the name in the first hello as our reader saw it. This is OpenSSL's reading of it, and of a
/// second hello after a HelloRetryRequest (invariant 4).
int check_server_name(SSL* session, int* alert, void* /*unused*/) {
  const char* asked = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (asked == nullptr) return SSL_TLSEXT_ERR_NOACK;
  Connection& connection = connection_of(session);
  const auto name = HostName::parse(asked);
  if (name && connection.terms && name->text() == connection.terms->host) return SSL_TLSEXT_ERR_OK;
  connection.refusal = HandshakeFault::kServerName;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void count_message(int sent, int /*version*/, int content_type, const void* /*bytes*/, std::size_t /*size*/,
                   SSL* session, void* /*unused*/) {
  if (sent == 0 && content_type == SSL3_RT_HANDSHAKE) ++connection_of(session).idle_messages;
}

HandshakeFault fault_of_certificate(long verify_result) {
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return HandshakeFault::kCertificateExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return HandshakeFault::kCertificateNotYetValid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return HandshakeFault::kCertificateSelfSigned;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return HandshakeFault::kCertificateUnknownIssuer;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return HandshakeFault::kCertificateWrongName;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return HandshakeFault::kCertificateTooWeak;
    default:
      return HandshakeFault::kCertificateInvalid;
  }
}

HandshakeFault fault_of_reason(int reason) {
  switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return HandshakeFault::kDistrusted;
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return HandshakeFault::kAlpn;
    default:
      // OpenSSL numbers the alerts it received from here.
      return reason > SSL_AD_REASON_OFFSET ? HandshakeFault::kRefused : HandshakeFault::kProtocol;
  }
}

/// The last error of the queue is what TLS made of those before it.
bool verification_failed() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

}  // namespace

void Connection::bind(ssl_st& session) {
  SSL_set_app_data(&session, this);
  SSL_set_msg_callback(&session, count_message);
}

HandshakeFault Connection::classify(ssl_st& session) const {
  if (refusal != HandshakeFault::kNone) return refusal;
  if (verification_failed()) return fault_of_certificate(SSL_get_verify_result(&session));
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_SSL ? fault_of_reason(ERR_GET_REASON(error)) : HandshakeFault::kProtocol;
}

std::string_view Connection::reason(ssl_st& session) {
  if (verification_failed()) return X509_verify_cert_error_string(SSL_get_verify_result(&session));
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason != nullptr ? reason : "no reason given";
}

bool Connection::protocol_agreed(ssl_st& session) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(&session, &name, &size);
  protocol = size == 0 ? ApplicationProtocol::kHttp1 : find_protocol(terms->protocols, as_text({name, size}));
  terms.reset();
  idle_messages = 0;
  return protocol.has_value();
}

Result<ContextHandle> make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  ContextHandle context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), kCiphers12) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), kCiphers13) != 1 ||
      SSL_CTX_set1_groups_list(context.get(), kGroups) != 1) {
    return fail_openssl(Errc::kUnavailable, "cannot set up TLS");
  }
  SSL_CTX_set_security_level(context.get(), kSecurityLevel);
  // What the machine's openssl.cnf may have allowed.
  SSL_CTX_clear_options(context.get(), SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                           SSL_OP_ALLOW_CLIENT_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Buffers of idle connections are given back, and one receive takes as many records as there are.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadBuffer);
  // A peer that sends nothing but KeyUpdates must not keep one call of OpenSSL busy: see stream.h.
  SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context.get(), 0);
  return context;
}

void watch_clients(ssl_ctx_st& context) {
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(&context, check_server_name);
}

}  // namespace enforcer::tls
