// What requests and responses have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace enforcer::http {

enum class Version : std::uint8_t { kHttp10, kHttp11 };
[[nodiscard]] constexpr std::string_view label(Version version) {
  return version == Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
}

/// What becomes of the connection after the message.
enum class Connection : std::uint8_t { kKeepAlive, kClose };

struct HeaderField {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

}  // namespace enforcer::http
