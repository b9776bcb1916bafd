// TLS alerts we send to a guest whose handshake is denied: the client says "access denied" instead of "connection
// reset".
#pragma once

#include <array>
#include <cstdint>

namespace enforcer::tls {

/// RFC 8446 6.2; those that are sent.
enum class AlertDescription : std::uint8_t { kAccessDenied = 49, kDecodeError = 50 };

using AlertRecord = std::array<std::uint8_t, 7>;

/// One fatal alert as a plaintext record, ready to be written.
[[nodiscard]] constexpr AlertRecord fatal_alert(AlertDescription description) {
  // type alert, version TLS 1.2 as every plaintext record after the hello, length 2, level fatal
  return {21, 3, 3, 0, 2, 2, static_cast<std::uint8_t>(description)};
}

}  // namespace enforcer::tls
