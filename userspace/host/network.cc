#include "host/network.h"

#include "base/log.h"
#include "host/fallback_tunnel.h"

namespace enforcer::host {

Result<> make_shared_mounts(const std::string& netns_path) {
  TRY_VOID(mount_bpffs());
  TRY_VOID(Netns::open_or_make_named(netns_path));
  return {};
}

Result<> require_shared_mounts(const std::string& netns_path) {
  if (Netns::open(netns_path)) return {};
  return fail(Errc::kUnavailable, netns_path +
                                      " is not there: under a service manager 'enforcer-hostd --prepare' makes "
                                      "it first (ExecStartPre=+ of the unit), where the whole host sees it");
}

Result<Network> Network::open(const std::string& netns_path, const std::string& bpffs_path, GuestRates rates) {
  PinFolder pins = TRY(PinFolder::open(bpffs_path));
  Gateway gateway = TRY(Gateway::open(netns_path));
  Datapath datapath = TRY(Datapath::load(pins, rates));
  const NetnsScope inside = TRY(NetnsScope::enter(gateway.netns()));
  const AttachMode mode = TRY(probe_attach_mode(datapath.guest_egress()));
  return Network{std::move(gateway), std::move(pins), std::move(datapath), mode};
}

Result<> remove_unknown_guests(Network& network, const std::set<Slot>& known) {
  std::set<std::string> names{"lo"};
  for (const Slot slot : known) names.insert(gateway_interface(slot));
  const NetnsScope inside = TRY(NetnsScope::enter(network.gateway.netns()));
  for (const Link& link : TRY(network.gateway.links().links())) {
    if (names.contains(link.name) || is_fallback_tunnel(link)) continue;
    log_warning("removing {}, which an earlier run left", link.name);
    TRY_VOID(network.gateway.links().set_down(link.index));
    TRY_VOID(network.gateway.links().remove_link(link.index));
  }
  network.pins.remove_links_except(names);
  return network.datapath.keep_only(known);
}

Result<> remove_network(const std::string& netns_path, const std::string& bpffs_path) {
  if (const auto netns = Netns::open(netns_path)) {
    // Link-first: the namespace may live on for a while, by sockets that enforcerd still holds.
    const NetnsScope inside = TRY(NetnsScope::enter(*netns));
    Rtnl links = TRY(Rtnl::open());
    for (const Link& link : TRY(links.links())) {
      if (link.name == "lo" || is_fallback_tunnel(link)) continue;
      TRY_VOID(links.set_down(link.index));
      TRY_VOID(links.remove_link(link.index));
    }
  }
  TRY_VOID(remove_named_netns(netns_path));
  return remove_pins(bpffs_path);
}

}  // namespace enforcer::host
