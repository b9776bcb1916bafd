#include "host/addresses.h"

#include <fmt/format.h>

namespace enforcer::host {
namespace {

std::uint32_t number_of(Slot slot) {
  return static_cast<std::uint32_t>(slot);
}

/// Locally administered unicast (bit 1 of the first octet); 77 is ours, the slot makes it unique.
Mac mac_of(std::uint8_t first, Slot slot) {
  const std::uint32_t n = number_of(slot);
  return Mac{{first, 0x77, 0x00, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
              static_cast<std::uint8_t>(n)}};
}

/// The network's last 32 bits must be zero wherever `host` has bits.
IpAddress with_host_part(const IpAddress& network, std::uint32_t host) {
  auto bytes = network.bytes();
  for (int i = 0; i < 4; ++i) bytes[12 + i] |= static_cast<std::uint8_t>(host >> (24 - 8 * i));
  return IpAddress(bytes);
}

}  // namespace

std::string Mac::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                     bytes[5]);
}

Result<AddressPlan> AddressPlan::make(const Cidr& ipv4_pool, const Cidr& ipv6_pool) {
  if (!ipv4_pool.is_v4() || ipv4_pool.length() > 29 || ipv4_pool.length() < 8) {
    return fail(Errc::kInvalid, "guests.ipv4Pool must be an IPv4 block between /8 and /29");
  }
  if (ipv6_pool.is_v4() || ipv6_pool.length() > 112) {
    return fail(Errc::kInvalid, "guests.ipv6Pool must be an IPv6 block of /112 or larger");
  }
  return AddressPlan(ipv4_pool, ipv6_pool);
}

IpAddress AddressPlan::gateway_ipv4() const {
  return IpAddress::v4(ipv4_.network().v4_host_order() + 1);
}

IpAddress AddressPlan::gateway_ipv6() const {
  return with_host_part(ipv6_.network(), 1);
}

Result<IpAddress> AddressPlan::guest_ipv4(Slot slot, const std::set<IpAddress>& in_use) const {
  const std::uint64_t size = 1ULL << (32 - ipv4_.length());
  const std::uint64_t usable = size - 3;  // without the network, the gateway and the broadcast address
  for (std::uint64_t tried = 0; tried < usable; ++tried) {
    const std::uint64_t offset = 2 + (number_of(slot) - 1 + tried) % usable;
    const IpAddress candidate = IpAddress::v4(static_cast<std::uint32_t>(ipv4_.network().v4_host_order() + offset));
    if (!in_use.contains(candidate)) return candidate;
  }
  return fail(Errc::kUnavailable, fmt::format("guests.ipv4Pool is full: all {} addresses are in use", usable));
}

Result<IpAddress> AddressPlan::guest_ipv6(Slot slot) const {
  const std::uint64_t host = std::uint64_t{number_of(slot)} + 1;
  const int host_bits = 128 - ipv6_.length();  // at least 16
  if (host_bits < 32 && host >> host_bits != 0) {
    return fail(Errc::kUnavailable, fmt::format("guests.ipv6Pool has no address for guest number {}", number_of(slot)));
  }
  return with_host_part(ipv6_.network(), static_cast<std::uint32_t>(host));
}

Result<GuestAddresses> addresses_of(const AddressPlan& plan, Slot slot, const IpAddress& ipv4) {
  return GuestAddresses{.slot = slot,
                        .ipv4 = ipv4,
                        .ipv6 = TRY(plan.guest_ipv6(slot)),
                        .gateway_ipv4 = plan.gateway_ipv4(),
                        .gateway_ipv6 = plan.gateway_ipv6(),
                        .mac = guest_mac(slot),
                        .gateway_mac = gateway_mac(slot),
                        .interface = gateway_interface(slot)};
}

Mac guest_mac(Slot slot) {
  return mac_of(0x02, slot);
}

Mac gateway_mac(Slot slot) {
  return mac_of(0x06, slot);
}

std::string gateway_interface(Slot slot) {
  return fmt::format("g{}", number_of(slot));
}

std::uint32_t gateway_interface_index(Slot slot) {
  return 1'000'000 + static_cast<std::uint32_t>(slot);
}

}  // namespace enforcer::host
