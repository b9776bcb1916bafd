#include "host/guest_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "abi.h"
#include "base/log.h"
#include "host/fallback_tunnel.h"
#include "host/rtnl.h"
#include "host/sysctl.h"

namespace enforcer::host {
namespace {

Result<SideState> inspect(const Netns& guest, std::set<std::uint32_t> ours) {
  const NetnsScope inside = TRY(NetnsScope::enter(guest));
  Rtnl rtnl = TRY(Rtnl::open());
  for (const Link& link : TRY(rtnl.links())) {
    if (ours.erase(link.index) == 1 || link.name == "lo" || is_fallback_tunnel(link)) continue;
    return SideState::kSecondPath;
  }
  return ours.empty() ? SideState::kAlone : SideState::kGone;
}

}  // namespace

Result<Netns> make_machine_netns() {
  Netns netns = TRY(Netns::make());
  const NetnsScope inside = TRY(NetnsScope::enter(netns));
  // Otherwise tap and veth say hello by themselves (neighbour discovery, MLD), and the kernel answers the guest.
  TRY_VOID(set_sysctl("ipv6/conf/all/disable_ipv6", "1"));
  TRY_VOID(set_sysctl("ipv6/conf/default/disable_ipv6", "1"));
  return netns;
}

Result<TapJoin> TapJoin::attach(Network& network, Slot slot) {
  const std::string interface = gateway_interface(slot);
  const std::tuple<std::uint32_t, const char*, int> ends[] = {
      {ENFORCER_ETH_IFINDEX, "eth", network.datapath.eth_to_tap()},
      {ENFORCER_TAP_IFINDEX, "tap", network.datapath.tap_to_eth()},
  };
  TapJoin join;
  for (const auto& [index, end, program] : ends) {
    join.attachments_.push_back(TRY(Attachment::attach(
        network.mode,
        {.interface_index = index, .direction = Direction::kIngress, .pin = network.pins.link(interface, end)},
        program)));
  }
  return join;
}

Result<TapJoin::Made> TapJoin::make(Network& network, const Netns& guest, Slot slot) {
  const NetnsScope inside = TRY(NetnsScope::enter(guest));
  Fd tap = TRY(make_tap("tap0", ENFORCER_TAP_IFINDEX));
  TapJoin join = TRY(attach(network, slot));
  Rtnl links = TRY(Rtnl::open());
  for (const std::uint32_t index : {ENFORCER_TAP_IFINDEX, ENFORCER_ETH_IFINDEX}) TRY_VOID(links.set_up(index));
  return Made{std::move(join), std::move(tap)};
}

Result<TapJoin> TapJoin::adopt(Network& network, const Netns& guest, Slot slot) {
  const NetnsScope inside = TRY(NetnsScope::enter(guest));
  return attach(network, slot);
}

bool TapJoin::intact(const Netns& guest) const {
  const auto inside = NetnsScope::enter(guest);
  return inside && std::ranges::all_of(attachments_, &Attachment::intact);
}

void TapJoin::remove(const Netns& guest) {
  const auto inside = NetnsScope::enter(guest);
  if (!inside) return log_warning("{}", inside.error().message);
  for (Attachment& attachment : attachments_) attachment.remove();
  attachments_.clear();
}

Result<> require_empty(const Netns& guest) {
  const Netns own = TRY(Netns::current());
  if (guest.id() == own.id()) return fail(Errc::kConflict, "that is the network namespace of enforcer-hostd itself");
  const NetnsScope inside = TRY(NetnsScope::enter(guest));
  Rtnl rtnl = TRY(Rtnl::open());
  for (const Link& link : TRY(rtnl.links())) {
    if (link.name == "lo" || is_fallback_tunnel(link)) continue;
    return fail(
        Errc::kConflict,
        fmt::format("the namespace has the interface {}, a second way out: attach takes one with nothing but lo "
                    "(for a container: docker run --network none)",
                    link.name));
  }
  return {};
}

Result<std::uint32_t> configure_attached(const Netns& guest, const GuestAddresses& addresses) {
  const NetnsScope inside = TRY(NetnsScope::enter(guest));
  Rtnl links = TRY(Rtnl::open());
  const std::uint32_t eth0 = TRY(links.link("eth0")).index;
  // Container runtimes turn IPv6 off where they give no address. The rest keeps the wire quiet: what is not from the
  // guest's address is dropped and counted as spoofed.
  TRY_VOID(set_sysctl("ipv6/conf/eth0/disable_ipv6", "0"));
  TRY_VOID(set_sysctl("ipv6/conf/eth0/addr_gen_mode", "1"));
  TRY_VOID(set_sysctl("ipv6/conf/eth0/accept_ra", "0"));
  TRY_VOID(set_sysctl("ipv6/conf/eth0/router_solicitations", "0"));
  TRY_VOID(links.set_up(eth0));
  const std::pair<IpAddress, IpAddress> families[] = {{addresses.ipv4, addresses.gateway_ipv4},
                                                      {addresses.ipv6, addresses.gateway_ipv6}};
  for (const auto& [own, gateway] : families) {
    TRY_VOID(links.add_address(eth0, own));
    TRY_VOID(links.add_host_route(eth0, gateway));
    TRY_VOID(links.add_permanent_neighbour(eth0, gateway, addresses.gateway_mac));
    TRY_VOID(links.add_default_route(eth0, gateway));
  }
  return eth0;
}

Result<SideState> inspect_attached(const Netns& guest, std::uint32_t eth_index) {
  return inspect(guest, {eth_index});
}

Result<SideState> inspect_machine(const Netns& guest) {
  return inspect(guest, {ENFORCER_ETH_IFINDEX, ENFORCER_TAP_IFINDEX});
}

}  // namespace enforcer::host
