#include "host/fallback_tunnel.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace enforcer::host {

bool is_fallback_tunnel(const Link& link) {
  static constexpr std::pair<std::string_view, std::string_view> kDevices[] = {
      {"sit0", "sit"},       {"tunl0", "ipip"},     {"gre0", "gre"},    {"gretap0", "gretap"}, {"erspan0", "erspan"},
      {"ip6tnl0", "ip6tnl"}, {"ip6gre0", "ip6gre"}, {"ip_vti0", "vti"}, {"ip6_vti0", "vti6"},
  };
  return !link.reaches_out && std::ranges::any_of(kDevices, [&](const auto& device) {
    return link.name == device.first && link.kind == device.second;
  });
}

}  // namespace enforcer::host
