#include "host/guest_link.h"

#include <fmt/format.h>

#include "base/log.h"

namespace enforcer::host {
Result<GuestLink> GuestLink::make(Network& network, const GuestAddresses& addresses, const Netns& guest,
                                  std::uint32_t guest_index) {
  TRY_VOID(network.gateway.verify_guard());
  const Link made = TRY(network.gateway.links().make_veth({.name = addresses.interface,
                                                           .index = gateway_interface_index(addresses.slot),
                                                           .mac = addresses.gateway_mac,
                                                           .peer_name = "eth0",
                                                           .peer_mac = addresses.mac,
                                                           .peer_index = guest_index},
                                                          guest));
  GuestLink link(addresses, made.index);
  auto finished = link.guard(network);
  if (finished) {
    if (auto up = link.bring_up(network); !up) finished = std::unexpected(std::move(up).error());
  }
  if (!finished) {
    if (const auto removed = link.remove(network, PairEnds::kNow); !removed) log_warning("{}", removed.error().message);
    return std::unexpected(finished.error());
  }
  return link;
}

Result<GuestLink> GuestLink::adopt(Network& network, const GuestAddresses& addresses, std::uint32_t index) {
  const auto found = TRY(network.gateway.links().link(index));
  if (!found || found->name != addresses.interface || found->mac != addresses.gateway_mac) {
    return fail(Errc::kNotFound, fmt::format("{} is gone", addresses.interface));
  }
  GuestLink link(addresses, index);
  TRY_VOID(link.guard(network));
  TRY_VOID(link.bring_up(network));
  return link;
}

Result<> GuestLink::guard(Network& network) {
  TRY_VOID(network.datapath.add_guest(index_, addresses_));
  const NetnsScope inside = TRY(NetnsScope::enter(network.gateway.netns()));
  std::vector<Attachment> attached;
  attached.push_back(TRY(Attachment::attach(network.mode,
                                            {.interface_index = index_,
                                             .direction = Direction::kIngress,
                                             .pin = network.pins.link(addresses_.interface, "ingress")},
                                            network.datapath.guest_egress())));
  attached.push_back(TRY(Attachment::attach(network.mode,
                                            {.interface_index = index_,
                                             .direction = Direction::kEgress,
                                             .pin = network.pins.link(addresses_.interface, "egress")},
                                            network.datapath.guest_ingress())));
  attachments_ = std::move(attached);
  return {};
}

Result<bool> GuestLink::bring_up(Network& network) {
  Rtnl& links = network.gateway.links();
  bool missing = TRY(links.add_address(index_, addresses_.gateway_ipv4));
  missing |= TRY(links.add_address(index_, addresses_.gateway_ipv6));
  TRY_VOID(links.set_up(index_));
  // Going down flushed these, and a link that is down takes none.
  for (const IpAddress& address : {addresses_.ipv4, addresses_.ipv6}) {
    missing |= TRY(links.add_host_route(index_, address));
    missing |= TRY(links.add_permanent_neighbour(index_, address, addresses_.mac));
  }
  // IPv6 addresses do not survive going down either.
  missing |= TRY(links.add_address(index_, addresses_.gateway_ipv6));
  return missing;
}

Result<GuestLink::State> GuestLink::state(Network& network) const {
  {
    const NetnsScope inside = TRY(NetnsScope::enter(network.gateway.netns()));
    bool guarded = attachments_.size() == 2 && network.datapath.knows_guest(index_, addresses_);
    for (const Attachment& attachment : attachments_) guarded = guarded && attachment.intact();
    if (guarded) return State::kGuarded;
  }
  const auto found = TRY(network.gateway.links().link(index_));
  return found && found->name == addresses_.interface ? State::kUnguarded : State::kGone;
}

Result<> GuestLink::take_down(Network& network) {
  return network.gateway.links().set_down(index_);
}

Result<> GuestLink::repair(Network& network) {
  TRY_VOID(take_down(network));
  TRY_VOID(network.gateway.verify_guard());
  TRY_VOID(guard(network));
  TRY_VOID(bring_up(network));
  return {};
}

Result<> GuestLink::remove(Network& network, PairEnds pair_ends) {
  // What fails here must not keep the rest from being removed.
  if (const auto down = take_down(network); !down) log_warning("{}: {}", addresses_.interface, down.error().message);
  {
    const NetnsScope inside = TRY(NetnsScope::enter(network.gateway.netns()));
    for (Attachment& attachment : attachments_) attachment.remove();
    attachments_.clear();
  }
  network.datapath.remove_guest(index_, addresses_.slot);
  if (pair_ends == PairEnds::kWithNamespace) return {};
  return network.gateway.links().remove_link(index_);
}

}  // namespace enforcer::host
