#include "host/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.h"
#include "host/fallback_tunnel.h"
#include "host/sysctl.h"

namespace enforcer::host {
namespace {

constexpr std::pair<const char*, const char*> kSettings[] = {
    {"ipv4/ip_forward", "0"},
    {"ipv6/conf/all/forwarding", "0"},
    // An accepted socket takes the mark of its SYN: this is how enforcerd knows the guest without a capability.
    {"ipv4/tcp_fwmark_accept", "1"},
    // A reset for a packet without a connection takes the mark of that packet: guest_ingress lets it back by the mark.
    {"ipv4/fwmark_reflect", "1"},
    {"ipv6/fwmark_reflect", "1"},
    // Floods of half-open connections: cookies keep the queue open, and nobody on a wire of microseconds needs more.
    {"ipv4/tcp_syncookies", "1"},
    {"ipv4/tcp_synack_retries", "2"},
    // With every address local, the kernel would answer ARP for any address: only for the interface's own.
    {"ipv4/conf/all/arp_ignore", "1"},
    {"ipv4/conf/default/arp_ignore", "1"},
    // guest_egress has checked the source; the route back is a host route by the same interface anyway.
    {"ipv4/conf/all/rp_filter", "0"},
    {"ipv4/conf/default/rp_filter", "0"},
    {"ipv4/conf/all/accept_redirects", "0"},
    {"ipv4/conf/default/accept_redirects", "0"},
    {"ipv4/conf/all/route_localnet", "0"},
    // IPv6 is on whatever the host's default is, takes no advice from guests, and says nothing by itself.
    {"ipv6/conf/all/disable_ipv6", "0"},
    {"ipv6/conf/default/disable_ipv6", "0"},
    {"ipv6/conf/all/accept_ra", "0"},
    {"ipv6/conf/default/accept_ra", "0"},
    {"ipv6/conf/all/accept_redirects", "0"},
    {"ipv6/conf/default/accept_redirects", "0"},
    {"ipv6/conf/default/accept_dad", "0"},
    {"ipv6/conf/default/router_solicitations", "0"},
    {"ipv6/conf/default/addr_gen_mode", "1"},
};

bool is_ours(const Link& link) {
  return link.name == "lo" || (link.name.size() > 1 && link.name.front() == 'g' &&
                               std::all_of(link.name.begin() + 1, link.name.end(), ascii::is_digit));
}

}  // namespace

Result<Gateway> Gateway::open(const std::string& netns_path) {
  Netns netns = TRY(Netns::open_or_make_named(netns_path));
  const NetnsScope inside = TRY(NetnsScope::enter(netns));
  Rtnl links = TRY(Rtnl::open());
  for (const Link& link : TRY(links.links())) {
    if (is_fallback_tunnel(link)) {
      TRY_VOID(links.set_down(link.index));
    } else if (!is_ours(link)) {
      return fail(Errc::kConflict, fmt::format("{} holds the interface {}, which is not ours: choose another instance",
                                               netns_path, link.name));
    }
  }
  // The guard comes before anything can be routed.
  Guard guard = TRY(Guard::load());
  for (const auto& [name, value] : kSettings) TRY_VOID(set_sysctl(name, value));
  const std::uint32_t lo = TRY(links.link("lo")).index;
  TRY_VOID(links.set_up(lo));  // before the routes: IPv6 refuses a local route while lo is down
  TRY_VOID(links.remove_foreign_routing(lo));
  TRY_VOID(links.add_local_default(lo));
  ChangeMonitor changes = TRY(ChangeMonitor::open());
  return Gateway(std::move(netns), std::move(links), std::move(guard), std::move(changes));
}

Result<std::string> Gateway::restore(bool changed) {
  const NetnsScope inside = TRY(NetnsScope::enter(netns_));
  std::string restored;
  for (const auto& [name, value] : kSettings) {
    if (TRY(sysctl(name)) == value) continue;
    TRY_VOID(set_sysctl(name, value));
    restored += fmt::format("{}{}", restored.empty() ? "" : ", ", name);
  }
  const Link lo = TRY(links_.link("lo"));
  if (!lo.up) TRY_VOID(links_.set_up(lo.index));
  const bool diverted = changed && TRY(links_.remove_foreign_routing(lo.index));
  const bool unrouted = TRY(links_.add_local_default(lo.index));
  if (diverted || unrouted || !lo.up) restored += fmt::format("{}the routes", restored.empty() ? "" : ", ");
  return restored;
}

Result<std::vector<Link>> Gateway::put_down_foreign_links() {
  std::vector<Link> foreign;
  for (Link& link : TRY(links_.links())) {
    // A guest's link may live a moment longer than the guest: it goes with the namespace.
    const bool guests = is_ours(link) && link.index > gateway_interface_index(Slot{0}) &&
                        link.name == gateway_interface(Slot{link.index - gateway_interface_index(Slot{0})});
    if (link.name == "lo" || guests) continue;
    if (link.up) TRY_VOID(links_.set_down(link.index));
    if (!is_fallback_tunnel(link)) foreign.push_back(std::move(link));
  }
  return foreign;
}

Result<Guard::State> Gateway::verify_guard() {
  const NetnsScope inside = TRY(NetnsScope::enter(netns_));
  return guard_.verify();
}

}  // namespace enforcer::host
