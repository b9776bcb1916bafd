// The part of Rtnl that finds what somebody else put into the routing of the gateway namespace. What decides where a
// guest's packet goes there is the rules up to ours and the table that ours leads to, and for what we send the default
// route of main; so whatever is in those and is not exactly ours is removed, as `ip rule flush` and `ip route flush` do
// it: by the message that the kernel described it with.
#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <string_view>

#include "host/netlink.h"
#include "host/routes.h"
#include "host/rtnl.h"

namespace enforcer::host {
namespace {

using OwnedMessage = Owned<nl_msg, nlmsg_free>;
using OwnedCallbacks = Owned<nl_cb, nl_cb_put>;

/// One message of a dump, its attributes by type.
template <class Header, int max>
struct Dumped {
  explicit Dumped(nlmsghdr* message) {
    valid = nlmsg_parse(message, sizeof(Header), attributes, max, nullptr) >= 0;
    if (valid) header = *static_cast<const Header*>(nlmsg_data(message));
  }
  [[nodiscard]] bool has_only(std::initializer_list<int> known) const {
    for (int type = 0; type <= max; ++type) {
      if (attributes[type] != nullptr && std::ranges::find(known, type) == known.end()) return false;
    }
    return valid;
  }
  /// Of a number; `otherwise` when there is none.
  [[nodiscard]] std::uint32_t number(int type, std::uint32_t otherwise) const {
    return attributes[type] == nullptr ? otherwise : nla_get_u32(attributes[type]);
  }

  Header header{};
  nlattr* attributes[max + 1] = {};
  bool valid = false;
};
using DumpedRule = Dumped<fib_rule_hdr, FRA_MAX>;
using DumpedRoute = Dumped<rtmsg, RTA_MAX>;

bool is_foreign_rule(nlmsghdr* message) {
  const DumpedRule rule(message);
  const std::uint32_t preference = rule.number(FRA_PRIORITY, 0);
  if (!rule.valid || preference > kSteeredRule) return false;  // ours has decided by then
  constexpr std::uint32_t kNone = ~0U;
  const bool plain = rule.has_only({FRA_PRIORITY, FRA_TABLE, FRA_IIFNAME, FRA_SUPPRESS_PREFIXLEN, FRA_PROTOCOL}) &&
                     rule.header.action == FR_ACT_TO_TBL && rule.header.tos == 0 && rule.header.dst_len == 0 &&
                     rule.header.src_len == 0 && (rule.header.flags & FIB_RULE_INVERT) == 0 &&
                     rule.number(FRA_SUPPRESS_PREFIXLEN, kNone) == kNone;
  const std::string_view from =
      rule.attributes[FRA_IIFNAME] == nullptr ? "" : nla_get_string(rule.attributes[FRA_IIFNAME]);
  const std::uint32_t table = rule.number(FRA_TABLE, rule.header.table);
  const bool kernels = preference == 0 && table == RT_TABLE_LOCAL && from.empty();
  const bool ours = (preference == kOwnOutputRule && table == RT_TABLE_MAIN && from == "lo") ||
                    (preference == kSteeredRule && table == kSteeredTable && from.empty());
  return !plain || !(kernels || ours);
}

bool is_foreign_route(nlmsghdr* message, std::uint32_t lo) {
  const DumpedRoute route(message);
  const std::uint32_t table = route.number(RTA_TABLE, route.header.rtm_table);
  const bool decides = table == kSteeredTable || (table == RT_TABLE_MAIN && route.header.rtm_dst_len == 0);
  if (!route.valid || !decides || (route.header.rtm_flags & RTM_F_CLONED) != 0) return false;
  constexpr std::uint32_t kIpv6Metric = 1024;  // what the kernel gives a route that came without one
  const std::uint32_t metric = route.header.rtm_family == AF_INET ? 0 : kIpv6Metric;
  return !(route.has_only({RTA_TABLE, RTA_OIF, RTA_PRIORITY, RTA_CACHEINFO, RTA_PREF}) &&
           route.header.rtm_type == RTN_LOCAL && route.header.rtm_dst_len == 0 && route.header.rtm_src_len == 0 &&
           route.header.rtm_tos == 0 && route.number(RTA_OIF, 0) == lo && route.number(RTA_PRIORITY, 0) == metric);
}

int keep(nl_msg* message, void* kept) {
  nlmsg_get(message);
  static_cast<std::vector<OwnedMessage>*>(kept)->emplace_back(message);
  return NL_OK;
}

/// Everything of that type and family; nothing when it changed meanwhile: then there is another look at it.
template <class Header>
Result<std::vector<OwnedMessage>> dump(nl_sock* socket, int type, Header header) {
  std::vector<OwnedMessage> messages;
  const OwnedMessage request(nlmsg_alloc_simple(type, NLM_F_DUMP));
  const OwnedCallbacks callbacks(nl_cb_alloc(NL_CB_DEFAULT));
  ENFORCER_CHECK(request != nullptr && callbacks != nullptr);
  ENFORCER_CHECK(nlmsg_append(request.get(), &header, sizeof header, NLMSG_ALIGNTO) == 0);
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, keep, &messages);
  TRY_VOID(netlink_result(nl_send_auto(socket, request.get()), "cannot list routes"));
  const int status = nl_recvmsgs(socket, callbacks.get());
  if (status == -NLE_DUMP_INTR) return std::vector<OwnedMessage>{};
  TRY_VOID(netlink_result(status, "cannot list routes"));
  return messages;
}

/// What the message describes.
Result<> remove(nl_sock* socket, nlmsghdr* described, int type) {
  nl_msg* removal = nlmsg_convert(described);
  ENFORCER_CHECK(removal != nullptr);
  nlmsghdr* head = nlmsg_hdr(removal);
  head->nlmsg_type = static_cast<std::uint16_t>(type);
  head->nlmsg_flags = NLM_F_REQUEST;
  head->nlmsg_seq = 0;  // libnl puts its own
  head->nlmsg_pid = 0;
  return netlink_result(nl_send_sync(socket, removal), "cannot remove a foreign route or rule");  // takes the message
}

}  // namespace

Result<bool> Rtnl::remove_foreign_routing(std::uint32_t index) {
  bool found = false;
  for (const int family : {AF_INET, AF_INET6}) {
    fib_rule_hdr rules{};
    rules.family = static_cast<std::uint8_t>(family);
    for (const OwnedMessage& message : TRY(dump(socket_.get(), RTM_GETRULE, rules))) {
      if (!is_foreign_rule(nlmsg_hdr(message.get()))) continue;
      TRY_VOID(remove(socket_.get(), nlmsg_hdr(message.get()), RTM_DELRULE));
      found = true;
    }
    rtmsg routes{};
    routes.rtm_family = static_cast<std::uint8_t>(family);
    for (const OwnedMessage& message : TRY(dump(socket_.get(), RTM_GETROUTE, routes))) {
      if (!is_foreign_route(nlmsg_hdr(message.get()), index)) continue;
      TRY_VOID(remove(socket_.get(), nlmsg_hdr(message.get()), RTM_DELROUTE));
      found = true;
    }
  }
  return found;
}

}  // namespace enforcer::host
