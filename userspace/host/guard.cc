#include "host/guard.h"

#include <fmt/format.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>

#include "host/command.h"

namespace enforcer::host {
namespace {

constexpr const char* kNft = "/usr/sbin/nft";
constexpr std::chrono::seconds kNftTime{10};  // normally 10 ms; a busy host has been seen to take one second

// "add" and "delete" first: the table is replaced whether it is there or not, and never missing in between.
constexpr const char* kRules = R"(add table inet guard
delete table inet guard
table inet guard {
  chain pre {
    type filter hook prerouting priority -300; policy accept;
    iifname "g*" meta mark & 0xff000000 != 0x77000000 counter drop
  }
}
)";

Result<std::string> list_table() {
  return run_command({kNft, "--stateless", "list", "table", "inet", "guard"}, "", Deadline::after(kNftTime));
}

Result<Fd> open_netfilter_socket() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  const timeval limit{.tv_sec = 5, .tv_usec = 0};  // the kernel answers at once; this is against waiting for ever
  if (!socket.valid() || setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
    return fail_errno("cannot open a netfilter socket");
  }
  return socket;
}

/// The number of the last change of this namespace's nft ruleset.
Result<std::uint32_t> ruleset_generation(const Fd& socket) {
  struct {
    nlmsghdr header;
    nfgenmsg family;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  if (send(socket.get(), &request, sizeof request, 0) != sizeof request) return fail_errno("cannot ask nf_tables");

  alignas(nlmsghdr) std::array<char, 1024> buffer{};
  const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
  if (size < 0) return fail_errno("nf_tables does not answer");
  nlmsghdr header{};
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN)) {
    std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(nfgenmsg));
    while (at + sizeof(nlattr) <= static_cast<std::size_t>(size)) {
      nlattr attribute{};
      std::memcpy(&attribute, buffer.data() + at, sizeof attribute);
      if (attribute.nla_len < sizeof attribute) break;
      if (attribute.nla_type == NFTA_GEN_ID && attribute.nla_len == NLA_HDRLEN + sizeof(std::uint32_t)) {
        std::uint32_t big_endian = 0;
        std::memcpy(&big_endian, buffer.data() + at + NLA_HDRLEN, sizeof big_endian);
        return ntohl(big_endian);
      }
      at += NLA_ALIGN(attribute.nla_len);
    }
  }
  return fail(Errc::kIo, "nf_tables gave no generation number: is the kernel built with CONFIG_NF_TABLES?");
}

}  // namespace

Result<Guard> Guard::load() {
  Guard guard(TRY(open_netfilter_socket()));
  TRY_VOID(guard.reload());
  return guard;
}

Result<> Guard::reload() {
  TRY(run_command({kNft, "-f", "-"}, kRules, Deadline::after(kNftTime)));
  // The number first: a change between the two calls then makes the next verify() look again.
  generation_ = TRY(ruleset_generation(netlink_));
  expected_ = TRY(list_table());
  return {};
}

Result<Guard::State> Guard::verify() {
  const std::uint32_t generation = TRY(ruleset_generation(netlink_));
  if (generation == generation_) return State::kIntact;
  const auto listed = list_table();
  if (listed && *listed == expected_) {
    generation_ = generation;
    return State::kIntact;
  }
  TRY_VOID(reload());
  return State::kRestored;
}

}  // namespace enforcer::host
