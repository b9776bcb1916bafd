#include "tls/application_protocol.h"

namespace enforcer::tls {

std::optional<ApplicationProtocol> find_protocol(const ApplicationProtocols& known, std::string_view name) {
  for (const ApplicationProtocol protocol : known) {
    if (alpn_name(protocol) == name) return protocol;
  }
  return std::nullopt;
}

std::string alpn_list(const ApplicationProtocols& protocols) {
  std::string list;
  for (const ApplicationProtocol protocol : protocols) {
    list += static_cast<char>(alpn_name(protocol).size());
    list += alpn_name(protocol);
  }
  return list;
}

}  // namespace enforcer::tls
