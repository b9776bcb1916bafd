// Authority: host and optional port, as in a Host header (RFC 9110 7.2). No user info, no percent-escapes, no zone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/host_name.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::http {

struct Authority {
  std::variant<HostName, IpAddress> host;
  std::optional<Port> port;  ///< never 0

  [[nodiscard]] const HostName* name() const { return std::get_if<HostName>(&host); }
  [[nodiscard]] const IpAddress* address() const { return std::get_if<IpAddress>(&host); }
  [[nodiscard]] std::string host_text() const;  ///< "api.test", "192.0.2.1", "2001:db8::1"
  [[nodiscard]] std::string to_string() const;  ///< as it stands in a Host header
  friend bool operator==(const Authority&, const Authority&) = default;
};

[[nodiscard]] Result<Authority> parse_authority(std::string_view text);

}  // namespace enforcer::http
