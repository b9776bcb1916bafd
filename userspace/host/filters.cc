#include "host/filters.h"

#include <fmt/format.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstring>

#include "host/netlink.h"

namespace enforcer::host {
namespace {

using OwnedSocket = Owned<nl_sock, nl_socket_free>;
using OwnedMessage = Owned<nl_msg, nlmsg_free>;

tcmsg hook(std::uint32_t interface_index, Direction direction, std::uint32_t priority) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(interface_index);
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction == Direction::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  header.tcm_info = priority << 16;  // of any protocol
  return header;
}

Result<OwnedSocket> connect() {
  OwnedSocket socket(nl_socket_alloc());
  ENFORCER_CHECK(socket != nullptr);
  TRY_VOID(netlink_result(nl_connect(socket.get(), NETLINK_ROUTE), "cannot open a netlink socket"));
  return socket;
}

OwnedMessage message(int type, int flags, tcmsg header) {
  OwnedMessage made(nlmsg_alloc_simple(type, flags));
  ENFORCER_CHECK(made != nullptr && nlmsg_append(made.get(), &header, sizeof header, NLMSG_ALIGNTO) == 0);
  return made;
}

/// One message of a dump; the first one that is a filter of chain 0 is kept. (The other chains run only by a `goto` of
/// a filter before them.)
int keep_first(nl_msg* dumped, void* kept) {
  auto& first = *static_cast<std::optional<Filter>*>(kept);
  nlmsghdr* head = nlmsg_hdr(dumped);
  nlattr* attributes[TCA_MAX + 1] = {};
  if (first || head->nlmsg_type != RTM_NEWTFILTER ||
      nlmsg_parse(head, sizeof(tcmsg), attributes, TCA_MAX, nullptr) < 0) {
    return NL_OK;
  }
  const auto& header = *static_cast<const tcmsg*>(nlmsg_data(head));
  const bool main_chain = attributes[TCA_CHAIN] == nullptr || nla_get_u32(attributes[TCA_CHAIN]) == 0;
  // Every priority is announced by a message without a handle.
  if (header.tcm_handle == 0 || !main_chain) return NL_OK;
  Filter filter{.handle = header.tcm_handle, .priority = header.tcm_info >> 16};
  const char* kind = attributes[TCA_KIND] == nullptr ? "" : nla_get_string(attributes[TCA_KIND]);
  nlattr* options[TCA_BPF_MAX + 1] = {};
  if (std::strcmp(kind, "bpf") == 0 && attributes[TCA_OPTIONS] != nullptr &&
      nla_parse_nested(options, TCA_BPF_MAX, attributes[TCA_OPTIONS], nullptr) >= 0) {
    if (options[TCA_BPF_ID] != nullptr) filter.program_id = nla_get_u32(options[TCA_BPF_ID]);
    if (options[TCA_BPF_FLAGS] != nullptr) {
      filter.direct = (nla_get_u32(options[TCA_BPF_FLAGS]) & TCA_BPF_FLAG_ACT_DIRECT) != 0;
    }
  }
  first = filter;
  return NL_OK;
}

}  // namespace

Result<std::optional<Filter>> first_filter(std::uint32_t interface_index, Direction direction) {
  const OwnedSocket socket = TRY(connect());
  std::optional<Filter> first;
  nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, keep_first, &first);
  const OwnedMessage dump = message(RTM_GETTFILTER, NLM_F_DUMP, hook(interface_index, direction, 0));
  const auto what = [&] { return fmt::format("cannot list the filters of interface {}", interface_index); };
  TRY_VOID(netlink_result(nl_send_auto(socket.get(), dump.get()), what()));
  TRY_VOID(netlink_result(nl_recvmsgs_default(socket.get()), what()));
  return first;
}

Result<> remove_filters(std::uint32_t interface_index, Direction direction, std::uint32_t priority) {
  const OwnedSocket socket = TRY(connect());
  OwnedMessage removal = message(RTM_DELTFILTER, 0, hook(interface_index, direction, priority));
  const int status = nl_send_sync(socket.get(), removal.release());  // takes the message
  return netlink_result(status, fmt::format("cannot remove filters of interface {}", interface_index));
}

}  // namespace enforcer::host
