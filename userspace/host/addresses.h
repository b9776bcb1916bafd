// Who has which address. Everything is derived from the guest's slot, so that nothing about it can be forged or mixed
// up:
//
//   slot 7, pools 100.64.0.0/16 and fd77:e::/48
//   guest    eth0  100.64.0.8  fd77:e::8  02:77:00:00:00:07
//   gateway  g7    100.64.0.1  fd77:e::1  06:77:00:00:00:07
//
// The gateway's addresses are the same on every interface (arp_ignore=1, host routes towards the guests).
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"

namespace enforcer::host {

struct Mac {
  std::array<std::uint8_t, 6> bytes{};
  [[nodiscard]] std::string to_string() const;  ///< "02:77:00:00:00:07"
  friend auto operator<=>(const Mac&, const Mac&) = default;
};

class AddressPlan {
 public:
  /// kInvalid: wrong family, or too small to hold a gateway and one guest.
  static Result<AddressPlan> make(const Cidr& ipv4_pool, const Cidr& ipv6_pool);

  [[nodiscard]] IpAddress gateway_ipv4() const;
  [[nodiscard]] IpAddress gateway_ipv6() const;
  /// pool base + 2 + ((slot - 1) mod (pool size - 3)), or the next address that is not in use (slots outgrow small
  /// pools). kUnavailable: every address is in use.
  [[nodiscard]] Result<IpAddress> guest_ipv4(Slot slot, const std::set<IpAddress>& in_use) const;
  /// Whether this plan could have given the address to a guest.
  [[nodiscard]] bool owns(const IpAddress& ipv4) const { return ipv4_.contains(ipv4) && ipv4 != gateway_ipv4(); }
  /// pool base + slot + 1. kUnavailable: the slots have outgrown the pool (never with /103 or larger).
  [[nodiscard]] Result<IpAddress> guest_ipv6(Slot slot) const;

 private:
  AddressPlan(Cidr ipv4, Cidr ipv6) : ipv4_(ipv4), ipv6_(ipv6) {}

  Cidr ipv4_;
  Cidr ipv6_;
};

/// One guest's end and the gateway's end of the wire between them.
struct GuestAddresses {
  Slot slot{};
  IpAddress ipv4;
  IpAddress ipv6;
  IpAddress gateway_ipv4;
  IpAddress gateway_ipv6;
  Mac mac;
  Mac gateway_mac;
  std::string interface;  ///< in the gateway namespace: "g7"
};

/// Both ends of a guest that already has its IPv4 address. kUnavailable as guest_ipv6().
[[nodiscard]] Result<GuestAddresses> addresses_of(const AddressPlan& plan, Slot slot, const IpAddress& ipv4);
[[nodiscard]] Mac guest_mac(Slot slot);
[[nodiscard]] Mac gateway_mac(Slot slot);
[[nodiscard]] std::string gateway_interface(Slot slot);

/// The index of the guest's interface in the gateway namespace, far above those in a guest's namespace. Where both ends
/// of a veth have the same index (and the first ones would: 2), the kernel takes it for a device without a peer, and
/// activates the end that came up first only with the next round of its link watch, up to a second later
/// (linkwatch_urgent_event); until then it drops what is sent.
[[nodiscard]] std::uint32_t gateway_interface_index(Slot slot);

}  // namespace enforcer::host
