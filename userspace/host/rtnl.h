// Links, addresses, routes and neighbours of one network namespace: the one in which the socket was opened, wherever
// the thread is later. Every operation waits for the kernel's answer and fails in one line that names the interface.
//
// libnl stays out of this header: only rtnl.cc, routes.cc and foreign_routes.cc know it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "host/addresses.h"
#include "host/netns.h"

struct nl_sock;

namespace enforcer::host {

struct Link {
  std::uint32_t index = 0;
  std::string name;
  Mac mac;
  bool up = false;
  std::string kind;          ///< "veth", "tun", "sit", …; empty: a device that is nothing of the kind
  bool reaches_out = false;  ///< its peer, or what it is built on, is in another namespace
};

/// A veth pair: one end here, the other in another namespace. Both are made down.
struct VethSpec {
  std::string name;
  std::uint32_t index = 0;  ///< 0: the kernel chooses
  Mac mac;
  std::string peer_name;
  Mac peer_mac;
  std::uint32_t peer_index = 0;  ///< 0: the kernel chooses
};

class Rtnl {
 public:
  static Result<Rtnl> open();  ///< in the calling thread's namespace

  [[nodiscard]] Result<std::vector<Link>> links();
  [[nodiscard]] Result<std::optional<Link>> link(std::uint32_t index);
  [[nodiscard]] Result<Link> link(const std::string& name);  ///< kNotFound

  Result<Link> make_veth(const VethSpec& spec, const Netns& peer_netns);
  Result<> set_up(std::uint32_t index);
  // Done when there is no such interface: nothing passes through it.
  Result<> set_down(std::uint32_t index);
  Result<> remove_link(std::uint32_t index);

  // Adding what is already there is done, not an error; true: it was not there. So these also repair, and say so.
  Result<bool> add_address(std::uint32_t index, const IpAddress& address);  ///< /32 or /128, no duplicate detection
  Result<bool> add_host_route(std::uint32_t index, const IpAddress& destination);
  Result<bool> add_default_route(std::uint32_t index, const IpAddress& gateway);
  /// `local default dev <index> table main`: whatever arrives is for us. Main, because the same route in table local
  /// would make the guests' own addresses local, too; and by a table of its own for everything but our own output, so
  /// that one guest's packets for another guest's address come to us, too.
  Result<bool> add_local_default(std::uint32_t index);
  /// Removes what would decide before add_local_default(): rules up to its own, routes in its own table, other default
  /// routes in main. `index` as there. True: there was something.
  Result<bool> remove_foreign_routing(std::uint32_t index);
  Result<bool> add_permanent_neighbour(std::uint32_t index, const IpAddress& address, const Mac& mac);

 private:
  struct Closer {
    void operator()(nl_sock* socket) const;
  };
  explicit Rtnl(std::unique_ptr<nl_sock, Closer> socket) : socket_(std::move(socket)) {}
  Result<> set_flags(std::uint32_t index, unsigned set, unsigned clear);

  std::unique_ptr<nl_sock, Closer> socket_;
};

/// An open tap in the calling thread's namespace, made with this name and interface index; it is down, and goes with
/// its last descriptor. With IFF_VNET_HDR, without which QEMU loses every offload.
[[nodiscard]] Result<Fd> make_tap(const std::string& name, std::uint32_t index);

}  // namespace enforcer::host
