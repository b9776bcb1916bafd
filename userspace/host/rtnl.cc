#include "host/rtnl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "host/netlink.h"

namespace enforcer::host {
namespace {

using OwnedLink = Owned<rtnl_link, rtnl_link_put>;

constexpr unsigned kMtu = 1500;

OwnedAddress mac_address(const Mac& mac) {
  return OwnedAddress(nl_addr_build(AF_LLC, mac.bytes.data(), mac.bytes.size()));
}

Link to_link(rtnl_link* from) {
  Link link{.index = static_cast<std::uint32_t>(rtnl_link_get_ifindex(from)),
            .name = rtnl_link_get_name(from),
            .mac = {},
            .up = (rtnl_link_get_flags(from) & IFF_UP) != 0,
            .kind = {},
            .reaches_out = false};
  if (const char* kind = rtnl_link_get_type(from); kind != nullptr) link.kind = kind;
  std::int32_t other = 0;
  link.reaches_out = rtnl_link_get_link_netnsid(from, &other) == 0;
  nl_addr* address = rtnl_link_get_addr(from);
  if (address != nullptr && nl_addr_get_len(address) == link.mac.bytes.size()) {
    std::memcpy(link.mac.bytes.data(), nl_addr_get_binary_addr(address), link.mac.bytes.size());
  }
  return link;
}

Result<> done_when_missing(Result<> outcome) {
  if (!outcome && outcome.error().code == Errc::kNotFound) return {};
  return outcome;
}

}  // namespace

Result<> netlink_result(int status, std::string_view what) {
  if (status >= 0) return {};
  const Errc code = status == -NLE_OBJ_NOTFOUND || status == -NLE_NODEV ? Errc::kNotFound : Errc::kIo;
  return fail(code, fmt::format("{}: {}", what, nl_geterror(status)));
}

int family_of(const IpAddress& address) {
  return address.is_v4() ? AF_INET : AF_INET6;
}

OwnedAddress host_address(const IpAddress& address) {
  const std::size_t skip = address.is_v4() ? 12 : 0;  // IPv4 is kept mapped: its four bytes are the last ones
  return OwnedAddress(nl_addr_build(family_of(address), address.bytes().data() + skip, address.bytes().size() - skip));
}

void Rtnl::Closer::operator()(nl_sock* socket) const {
  nl_socket_free(socket);
}

Result<Rtnl> Rtnl::open() {
  std::unique_ptr<nl_sock, Closer> socket(nl_socket_alloc());
  ENFORCER_CHECK(socket != nullptr);
  TRY_VOID(netlink_result(nl_connect(socket.get(), NETLINK_ROUTE), "cannot open a netlink socket"));
  return Rtnl(std::move(socket));
}

Result<std::vector<Link>> Rtnl::links() {
  nl_cache* raw = nullptr;
  TRY_VOID(netlink_result(rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &raw), "cannot list the interfaces"));
  const Owned<nl_cache, nl_cache_free> cache(raw);
  std::vector<Link> links;
  for (nl_object* object = nl_cache_get_first(raw); object != nullptr; object = nl_cache_get_next(object)) {
    links.push_back(to_link(reinterpret_cast<rtnl_link*>(object)));  // a link is an nl_object: libnl's own cast
  }
  return links;
}

Result<std::optional<Link>> Rtnl::link(std::uint32_t index) {
  rtnl_link* raw = nullptr;
  const int status = rtnl_link_get_kernel(socket_.get(), static_cast<int>(index), nullptr, &raw);
  const OwnedLink found(raw);
  if (status == -NLE_OBJ_NOTFOUND || status == -NLE_NODEV) return std::nullopt;
  TRY_VOID(netlink_result(status, fmt::format("cannot read interface {}", index)));
  return to_link(raw);
}

Result<Link> Rtnl::link(const std::string& name) {
  rtnl_link* raw = nullptr;
  const int status = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &raw);
  const OwnedLink found(raw);
  TRY_VOID(netlink_result(status, fmt::format("interface {}", name)));
  return to_link(raw);
}

Result<Link> Rtnl::make_veth(const VethSpec& spec, const Netns& peer_netns) {
  const OwnedLink pair(rtnl_link_veth_alloc());
  ENFORCER_CHECK(pair != nullptr);
  const OwnedAddress mac = mac_address(spec.mac);
  rtnl_link_set_name(pair.get(), spec.name.c_str());
  rtnl_link_set_addr(pair.get(), mac.get());
  rtnl_link_set_mtu(pair.get(), kMtu);
  if (spec.index != 0) rtnl_link_set_ifindex(pair.get(), static_cast<int>(spec.index));

  const OwnedLink peer(rtnl_link_veth_get_peer(pair.get()));
  const OwnedAddress peer_mac = mac_address(spec.peer_mac);
  rtnl_link_set_name(peer.get(), spec.peer_name.c_str());
  rtnl_link_set_addr(peer.get(), peer_mac.get());
  rtnl_link_set_mtu(peer.get(), kMtu);
  rtnl_link_set_ns_fd(peer.get(), peer_netns.fd());
  if (spec.peer_index != 0) rtnl_link_set_ifindex(peer.get(), static_cast<int>(spec.peer_index));

  const int status = rtnl_link_add(socket_.get(), pair.get(), NLM_F_CREATE | NLM_F_EXCL);
  TRY_VOID(netlink_result(status, fmt::format("cannot make the veth pair {}", spec.name)));
  return link(spec.name);
}

Result<> Rtnl::set_flags(std::uint32_t index, unsigned set, unsigned clear) {
  const OwnedLink which(rtnl_link_alloc());
  const OwnedLink change(rtnl_link_alloc());
  rtnl_link_set_ifindex(which.get(), static_cast<int>(index));
  rtnl_link_set_ifindex(change.get(), static_cast<int>(index));
  if (set != 0) rtnl_link_set_flags(change.get(), set);
  if (clear != 0) rtnl_link_unset_flags(change.get(), clear);
  const int status = rtnl_link_change(socket_.get(), which.get(), change.get(), 0);
  return netlink_result(status, fmt::format("cannot set interface {} {}", index, set != 0 ? "up" : "down"));
}

Result<> Rtnl::set_up(std::uint32_t index) {
  return set_flags(index, IFF_UP, 0);
}

Result<> Rtnl::set_down(std::uint32_t index) {
  return done_when_missing(set_flags(index, 0, IFF_UP));
}

Result<> Rtnl::remove_link(std::uint32_t index) {
  const OwnedLink which(rtnl_link_alloc());
  rtnl_link_set_ifindex(which.get(), static_cast<int>(index));
  const int status = rtnl_link_delete(socket_.get(), which.get());
  return done_when_missing(netlink_result(status, fmt::format("cannot remove interface {}", index)));
}

Result<Fd> make_tap(const std::string& name, std::uint32_t index) {
  Fd tap(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tap.valid()) {
    auto failed = fail_errno("cannot open /dev/net/tun, which microVMs need (load it with 'modprobe tun')");
    failed.error().code = Errc::kUnavailable;
    return failed;
  }
  if (ioctl(tap.get(), TUNSETIFINDEX, &index) != 0)
    return fail_errno(fmt::format("cannot choose the index of {}", name));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(tap.get(), TUNSETIFF, &request) != 0) return fail_errno(fmt::format("cannot make {}", name));
  return tap;
}

}  // namespace enforcer::host
