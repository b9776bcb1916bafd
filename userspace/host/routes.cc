// The part of Rtnl above the link layer.
#include "host/routes.h"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "host/netlink.h"
#include "host/rtnl.h"

namespace enforcer::host {
namespace {

using OwnedIfAddress = Owned<rtnl_addr, rtnl_addr_put>;
using OwnedNeighbour = Owned<rtnl_neigh, rtnl_neigh_put>;
using OwnedRoute = Owned<rtnl_route, rtnl_route_put>;
using OwnedRule = Owned<rtnl_rule, rtnl_rule_put>;

struct RouteSpec {
  std::uint32_t index = 0;
  int family = AF_INET;
  nl_addr* destination = nullptr;
  nl_addr* gateway = nullptr;  ///< nullptr: on link
  std::uint8_t type = RTN_UNICAST;
  std::uint8_t scope = RT_SCOPE_LINK;
  std::uint32_t table = RT_TABLE_MAIN;
};

int put_route(nl_sock* socket, const RouteSpec& spec) {
  const OwnedRoute route(rtnl_route_alloc());
  rtnl_route_set_family(route.get(), static_cast<std::uint8_t>(spec.family));
  rtnl_route_set_table(route.get(), spec.table);
  rtnl_route_set_type(route.get(), spec.type);
  rtnl_route_set_scope(route.get(), spec.scope);
  rtnl_route_set_protocol(route.get(), RTPROT_STATIC);
  rtnl_route_set_dst(route.get(), spec.destination);
  rtnl_nexthop* hop = rtnl_route_nh_alloc();  // the route takes it
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(spec.index));
  if (spec.gateway != nullptr) rtnl_route_nh_set_gateway(hop, spec.gateway);
  rtnl_route_add_nexthop(route.get(), hop);
  return rtnl_route_add(socket, route.get(), NLM_F_CREATE | NLM_F_EXCL);
}

/// A rule of the given preference: packets from `interface` (any when null) are routed by `table`.
int put_rule(nl_sock* socket, int family, std::uint32_t preference, const char* interface, std::uint32_t table) {
  const OwnedRule rule(rtnl_rule_alloc());
  rtnl_rule_set_family(rule.get(), family);
  rtnl_rule_set_prio(rule.get(), preference);
  rtnl_rule_set_action(rule.get(), FR_ACT_TO_TBL);
  rtnl_rule_set_table(rule.get(), table);
  if (interface != nullptr) rtnl_rule_set_iif(rule.get(), interface);
  return rtnl_rule_add(socket, rule.get(), NLM_F_CREATE | NLM_F_EXCL);
}

/// Of an exclusive addition: true when it was not there.
Result<bool> added(int status, std::string_view what) {
  if (status == -NLE_EXIST) return false;
  TRY_VOID(netlink_result(status, what));
  return true;
}

OwnedAddress default_destination(int family) {
  constexpr std::uint8_t kZero[16] = {};
  OwnedAddress any(nl_addr_build(family, kZero, family == AF_INET ? 4 : 16));
  nl_addr_set_prefixlen(any.get(), 0);
  return any;
}

}  // namespace

Result<bool> Rtnl::add_address(std::uint32_t index, const IpAddress& address) {
  const OwnedIfAddress entry(rtnl_addr_alloc());
  const OwnedAddress local = host_address(address);
  rtnl_addr_set_ifindex(entry.get(), static_cast<int>(index));
  rtnl_addr_set_local(entry.get(), local.get());
  // No duplicate address detection: nobody else can be on this wire, and the first second would be lost to it.
  if (!address.is_v4()) rtnl_addr_set_flags(entry.get(), IFA_F_NODAD);
  const int status = rtnl_addr_add(socket_.get(), entry.get(), 0);
  return added(status, fmt::format("cannot give {} to interface {}", address.to_string(), index));
}

Result<bool> Rtnl::add_host_route(std::uint32_t index, const IpAddress& destination) {
  const OwnedAddress host = host_address(destination);
  const RouteSpec spec{.index = index, .family = family_of(destination), .destination = host.get()};
  return added(put_route(socket_.get(), spec), fmt::format("cannot route {}", destination.to_string()));
}

Result<bool> Rtnl::add_default_route(std::uint32_t index, const IpAddress& gateway) {
  const OwnedAddress any = default_destination(family_of(gateway));
  const OwnedAddress via = host_address(gateway);
  const RouteSpec spec{.index = index,
                       .family = family_of(gateway),
                       .destination = any.get(),
                       .gateway = via.get(),
                       .scope = RT_SCOPE_UNIVERSE};
  return added(put_route(socket_.get(), spec), fmt::format("cannot route by {}", gateway.to_string()));
}

Result<bool> Rtnl::add_local_default(std::uint32_t index) {
  bool missing = false;
  for (const int family : {AF_INET, AF_INET6}) {
    const OwnedAddress any = default_destination(family);
    RouteSpec main{
        .index = index, .family = family, .destination = any.get(), .type = RTN_LOCAL, .scope = RT_SCOPE_HOST};
    // The main table also has the routes to the guests, which are for what we send (output arrives "from lo"). What
    // guests send must not see them: a packet for another guest's address would be forwarded, that is dropped, instead
    // of reaching the listener that denies and records it.
    RouteSpec steered = main;
    steered.table = kSteeredTable;
    for (const int status : {put_route(socket_.get(), main), put_route(socket_.get(), steered),
                             put_rule(socket_.get(), family, kOwnOutputRule, "lo", RT_TABLE_MAIN),
                             put_rule(socket_.get(), family, kSteeredRule, nullptr, kSteeredTable)}) {
      const bool this_one = TRY(added(status, "cannot make every address local in the gateway namespace"));
      missing = missing || this_one;
    }
  }
  return missing;
}

Result<bool> Rtnl::add_permanent_neighbour(std::uint32_t index, const IpAddress& address, const Mac& mac) {
  const OwnedNeighbour entry(rtnl_neigh_alloc());
  const OwnedAddress who = host_address(address);
  const OwnedAddress where(nl_addr_build(AF_LLC, mac.bytes.data(), mac.bytes.size()));
  rtnl_neigh_set_ifindex(entry.get(), static_cast<int>(index));
  rtnl_neigh_set_family(entry.get(), family_of(address));
  rtnl_neigh_set_dst(entry.get(), who.get());
  rtnl_neigh_set_lladdr(entry.get(), where.get());
  rtnl_neigh_set_state(entry.get(), NUD_PERMANENT);
  int status = rtnl_neigh_add(socket_.get(), entry.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (status == -NLE_EXIST) {
    // It may be one that the kernel began to look for meanwhile: ours takes its place, and nothing tells which it was.
    const int replaced = rtnl_neigh_add(socket_.get(), entry.get(), NLM_F_CREATE | NLM_F_REPLACE);
    if (replaced < 0) status = replaced;
  }
  return added(status, fmt::format("cannot set the neighbour {}", address.to_string()));
}

}  // namespace enforcer::host
