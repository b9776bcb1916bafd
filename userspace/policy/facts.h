// Facts: everything a decision may depend on, and nothing else. Made by the proxy and by DNS from what was parsed; the
// decision is a pure function of the facts and the guest's compiled policy, so that `explain`, a reload and a test ask
// exactly what the data path asked.
#pragma once

#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/host_name.h"
#include "base/ip.h"

namespace enforcer::policy {

/// Where in the life of a connection the question is asked.
enum class Layer {
  kDns,   ///< may this name be resolved at all?  (host)
  kL4,    ///< a connection was opened, no byte of it read yet  (host or destination, port)
  kTls,   ///< a ClientHello was read  (host = SNI, already equal to the name of the destination)
  kHttp,  ///< a request head was read on a clear connection  (host = Host, method, path)
};
[[nodiscard]] std::string_view label(Layer layer);  ///< "dns", "l4", "tls", "http"

struct Facts {
  Layer layer = Layer::kL4;
  std::optional<HostName> host;  ///< the one canonical name; none when the destination was never issued for a name
  std::optional<IpAddress> destination;  ///< only when there is no host: the literal address the guest dialled
  Port port{};                           ///< 0 for kDns
  bool ech = false;                      ///< the ClientHello offers Encrypted Client Hello (kTls)
  std::string method;                    ///< kHttp
  std::string path;                      ///< kHttp, normalised
  WallClock::time_point now;             ///< for `expires`
};

}  // namespace enforcer::policy
