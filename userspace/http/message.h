// What requests and responses have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace enforcer::http {

enum class Version : std::uint8_t { kHttp10, kHttp11, kHttp2 };
/// As it stands in an HTTP/1 message; what came by HTTP/2 goes on as HTTP/1.1.
[[nodiscard]] constexpr std::string_view label(Version version) {
  return version == Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
}

/// What becomes of the connection after the message.
enum class Connection : std::uint8_t { kKeepAlive, kClose };

/// RFC 9110 9.2.2: doing it twice has the effect of doing it once.
[[nodiscard]] constexpr bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

/// Room for most heads: fields, and octets.
inline constexpr std::size_t kUsualFields = 16;
inline constexpr std::size_t kUsualSize = 512;

struct HeaderField {
  std::string name;
  std::string value;
  /// Holds a secret of ours: never enters a table of compressed fields (RFC 7541 7.1.3).
  bool secret = false;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

/// Appends one line of a head, made of these parts.
template <class... Parts>
void append_line(std::string& head, const Parts&... parts) {
  (head.append(std::string_view(parts)), ...);
  head.append("\r\n");
}

}  // namespace enforcer::http
