// What requests and responses have in common.
#pragma once

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

struct HeaderField {
  std::string name;
  std::string value;
  /// Holds a secret of ours: never enters a table of compressed fields (RFC 7541 7.1.3).
  bool secret = false;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

}  // namespace enforcer::http
