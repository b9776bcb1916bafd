// Why a handshake of ours did not end well: what a denial and a record are made of.
#pragma once

#include <cstdint>
#include <string_view>

namespace enforcer::tls {

// X(name, label, meaning)
#define ENFORCER_HANDSHAKE_FAULTS(X)                                                              \
  X(kNone, "none", "no fault so far")                                                             \
  X(kConnection, "connection", "the peer broke the connection off, or the wait was interrupted")  \
  X(kProtocol, "protocol", "not TLS 1.2 or 1.3 as we speak it: version, ciphers, a bad message")  \
  X(kAlpn, "alpn", "no application protocol in common, or one that was not offered")              \
  X(kServerName, "server_name", "a client asked for another name than the one decided on")        \
  X(kRefused, "refused", "the peer sent a fatal alert")                                           \
  X(kDistrusted, "distrusted", "the peer refused our certificate: a guest without its guest CA")  \
  X(kCertificateExpired, "certificate_expired", "the peer's certificate, or its CA's, has ended") \
  X(kCertificateNotYetValid, "certificate_not_yet_valid", "... has not begun")                    \
  X(kCertificateSelfSigned, "certificate_self_signed", "a certificate that vouches for itself")   \
  X(kCertificateUnknownIssuer, "certificate_unknown_issuer", "no chain to a trusted CA")          \
  X(kCertificateWrongName, "certificate_wrong_name", "a certificate for other names")             \
  X(kCertificateTooWeak, "certificate_too_weak", "a key or signature below 112 bits of security") \
  X(kCertificateInvalid, "certificate_invalid", "a chain that is wrong in any other way")

enum class HandshakeFault : std::uint8_t {
#define ENFORCER_FAULT_NAME(name, label, meaning) name,
  ENFORCER_HANDSHAKE_FAULTS(ENFORCER_FAULT_NAME)
#undef ENFORCER_FAULT_NAME
};

/// As records and metrics have it; a closed set.
[[nodiscard]] std::string_view label(HandshakeFault fault);

}  // namespace enforcer::tls
