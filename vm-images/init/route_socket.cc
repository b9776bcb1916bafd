#include "route_socket.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

namespace enforcer::guest {
namespace {

unsigned char family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

std::span<const std::uint8_t> raw(const IpAddress& address) {
  return std::span(address.bytes()).subspan(address.is_v4() ? 12 : 0);
}

unsigned char full_length(const IpAddress& address) {
  return address.is_v4() ? 32 : 128;
}

}  // namespace

/// One message: header, fixed body, attributes.
template <class Body>
class RouteSocket::Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags, const Body& body) {
    message_.header.nlmsg_len = NLMSG_LENGTH(sizeof(Body));
    message_.header.nlmsg_type = type;
    message_.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    message_.body = body;
  }

  Request& with(std::uint16_t type, std::span<const std::uint8_t> value) {
    const auto length = static_cast<std::uint16_t>(RTA_LENGTH(value.size()));
    const std::size_t at = NLMSG_ALIGN(message_.header.nlmsg_len);
    ENFORCER_CHECK(at + RTA_ALIGN(length) <= sizeof message_);
    const rtattr attribute{length, type};
    auto* place = reinterpret_cast<std::uint8_t*>(&message_) + at;
    std::memcpy(place, &attribute, sizeof attribute);
    std::memcpy(place + RTA_LENGTH(0), value.data(), value.size());
    message_.header.nlmsg_len = static_cast<std::uint32_t>(at + RTA_ALIGN(length));
    return *this;
  }
  Request& with(std::uint16_t type, std::uint32_t number) {
    std::array<std::uint8_t, sizeof number> value{};
    std::memcpy(value.data(), &number, sizeof number);
    return with(type, std::span<const std::uint8_t>(value));
  }

  Result<> send_to(RouteSocket& socket) { return socket.ask(&message_, message_.header.nlmsg_len); }

 private:
  struct {
    nlmsghdr header{};
    Body body{};
    std::array<std::uint8_t, 128> attributes{};
  } message_;
};

Result<RouteSocket> RouteSocket::open() {
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return fail_errno("netlink");
  return RouteSocket(std::move(socket));
}

Result<> RouteSocket::ask(void* message, std::size_t size) {
  if (::send(socket_.get(), message, size, 0) != static_cast<ssize_t>(size)) return fail_errno("netlink");
  struct {
    nlmsghdr header;
    nlmsgerr verdict;
    std::array<std::uint8_t, 512> rest;
  } answer{};
  // The kernel answers within send(): there is nothing to wait for.
  const ssize_t count = ::recv(socket_.get(), &answer, sizeof answer, MSG_DONTWAIT);
  if (count < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) || answer.header.nlmsg_type != NLMSG_ERROR)
    return fail(Errc::kIo, "netlink: no answer");
  errno = -answer.verdict.error;
  if (answer.verdict.error != 0) return fail_errno("netlink");
  return {};
}

Result<> RouteSocket::set_up(unsigned interface) {
  ifinfomsg body{};
  body.ifi_index = static_cast<int>(interface);
  body.ifi_flags = body.ifi_change = IFF_UP;
  return Request<ifinfomsg>(RTM_NEWLINK, 0, body).send_to(*this);
}

Result<> RouteSocket::add_address(unsigned interface, const IpAddress& address) {
  ifaddrmsg body{};
  body.ifa_family = family_of(address);
  body.ifa_prefixlen = full_length(address);
  body.ifa_flags = address.is_v4() ? 0 : IFA_F_NODAD;
  body.ifa_index = interface;
  return Request<ifaddrmsg>(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body)
      .with(IFA_LOCAL, raw(address))
      .with(IFA_ADDRESS, raw(address))
      .send_to(*this);
}

Result<> RouteSocket::add_link_route(unsigned interface, const IpAddress& destination) {
  rtmsg body{};
  body.rtm_family = family_of(destination);
  body.rtm_dst_len = full_length(destination);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_LINK;
  body.rtm_type = RTN_UNICAST;
  return Request<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body)
      .with(RTA_DST, raw(destination))
      .with(RTA_OIF, interface)
      .send_to(*this);
}

Result<> RouteSocket::add_default_route(unsigned interface, const IpAddress& gateway) {
  rtmsg body{};
  body.rtm_family = family_of(gateway);
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  return Request<rtmsg>(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body)
      .with(RTA_GATEWAY, raw(gateway))
      .with(RTA_OIF, interface)
      .send_to(*this);
}

}  // namespace enforcer::guest
