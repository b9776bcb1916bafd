#include "host/fallback_tunnel.h"

#include <doctest/doctest.h>

#include <utility>

namespace enforcer::host {
namespace {

constexpr std::pair<const char*, const char*> kDevices[] = {
    {"sit0", "sit"},       {"tunl0", "ipip"},     {"gre0", "gre"},    {"gretap0", "gretap"}, {"erspan0", "erspan"},
    {"ip6tnl0", "ip6tnl"}, {"ip6gre0", "ip6gre"}, {"ip_vti0", "vti"}, {"ip6_vti0", "vti6"},
};

Link link(const char* name, const char* kind) {
  return {.index = 2, .name = name, .mac = {}, .up = false, .kind = kind, .reaches_out = false};
}

TEST_CASE("a_tunnel_that_the_kernel_made_in_every_namespace_is_known_by_name_and_kind_together") {
  for (const auto& [name, kind] : kDevices) {
    CAPTURE(name);
    CHECK(is_fallback_tunnel(link(name, kind)));
    for (const char* other : {"", "veth", "dummy", "wireguard"}) CHECK_FALSE(is_fallback_tunnel(link(name, other)));
    for (const char* other : {"", "eth0", "lo", "sit1", "tunl00", "gre"})
      CHECK_FALSE(is_fallback_tunnel(link(other, kind)));
    for (const auto& [other_name, other_kind] : kDevices) {
      if (kind != other_kind) CHECK_FALSE(is_fallback_tunnel(link(name, other_kind)));
    }
    Link moved_here = link(name, kind);
    moved_here.reaches_out = true;
    CHECK_FALSE(is_fallback_tunnel(moved_here));
  }
}

}  // namespace
}  // namespace enforcer::host
