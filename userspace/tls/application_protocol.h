// What is spoken over TLS, by its ALPN name (RFC 7301).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::tls {

enum class ApplicationProtocol : std::uint8_t { kHttp1, kHttp2 };

/// In the order of preference, ours on both sides. Not empty.
using ApplicationProtocols = std::vector<ApplicationProtocol>;

[[nodiscard]] constexpr std::string_view alpn_name(ApplicationProtocol protocol) {
  switch (protocol) {
    case ApplicationProtocol::kHttp1:
      return "http/1.1";
    case ApplicationProtocol::kHttp2:
      return "h2";
  }
  return {};
}

/// The one of `known` with this name.
[[nodiscard]] std::optional<ApplicationProtocol> find_protocol(const ApplicationProtocols& known,
                                                               std::string_view alpn_name);

/// As ALPN has them on the wire: each name behind one octet of length.
[[nodiscard]] std::string alpn_list(const ApplicationProtocols& protocols);

}  // namespace enforcer::tls
