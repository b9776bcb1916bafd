#include "dns/local_names.h"

#include <string_view>

namespace enforcer::dns {
namespace {

bool is_or_is_below(const HostName& name, std::string_view top) {
  const std::string_view text = name.text();
  if (!text.ends_with(top)) return false;
  return text.size() == top.size() || text[text.size() - top.size() - 1] == '.';
}

}  // namespace

bool is_localhost(const HostName& name) {
  return is_or_is_below(name, "localhost");
}

std::array<IpAddress, 2> loopback_addresses() {
  std::array<std::uint8_t, 16> v6{};
  v6.back() = 1;
  return {IpAddress::v4(0x7f000001), IpAddress(v6)};
}

bool is_reverse_name(const HostName& name) {
  return is_or_is_below(name, "in-addr.arpa") || is_or_is_below(name, "ip6.arpa");
}

}  // namespace enforcer::dns
