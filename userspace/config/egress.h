// Egress: the proxy through which a company lets connections out, as `egress` of the configuration names it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/host_name.h"
#include "base/ip.h"
#include "policy/schema.h"

namespace enforcer::config {

struct EgressProxy {
  enum class Protocol {
    kConnect,  ///< "http://": CONNECT (RFC 9110 9.3.6)
    kSocks5,   ///< "socks5h://": SOCKS 5 that is given names (RFC 1928)
  };
  Protocol protocol = Protocol::kConnect;
  std::variant<IpAddress, HostName> host;
  Port port{};
  std::string credential;  ///< name of the Credential that it wants to see; empty: none

  /// "proxy.corp.example:3128", for logs and records.
  [[nodiscard]] std::string place() const;
};

/// What `egress` may say.
[[nodiscard]] std::vector<policy::FieldShape> egress_fields();

/// The value of `egress`. None: origins are reached directly, or it was wrong and is reported. What may hold a password
/// is never part of a message.
[[nodiscard]] std::optional<EgressProxy> read_egress(const policy::YamlNode& node, policy::Reader& reader);

}  // namespace enforcer::config
