#include "host/change_monitor.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace enforcer::host {
namespace {

constexpr std::uint32_t kGroups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                                  RTMGRP_IPV4_RULE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE |
                                  1U << (RTNLGRP_IPV6_RULE - 1);

}  // namespace

Result<ChangeMonitor> ChangeMonitor::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = kGroups;
  if (!socket.valid() || bind(socket.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    return fail_errno("cannot watch the network for changes");
  }
  return ChangeMonitor(std::move(socket));
}

bool ChangeMonitor::changed() {
  bool any = false;
  std::array<char, 4096> notice;  // what it says does not matter, and what does not fit is dropped
  while (true) {
    if (recv(socket_.get(), notice.data(), notice.size(), 0) >= 0 || errno == ENOBUFS) {
      any = true;
    } else if (errno != EINTR) {
      return any;
    }
  }
}

}  // namespace enforcer::host
