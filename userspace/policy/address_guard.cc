#include "policy/address_guard.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace enforcer::policy {
namespace {

using Octets = std::array<std::uint8_t, 16>;

struct Block {
  Octets network;
  int length;  ///< in the IPv4-mapped 128-bit space, as Cidr::mapped_length()
  AddressVerdict verdict;
};

constexpr Block v4(int a, int b, int c, int d, int length, AddressVerdict verdict = AddressVerdict::kPrivate) {
  Octets octets{};
  octets[10] = octets[11] = 0xff;
  octets[12] = static_cast<std::uint8_t>(a);
  octets[13] = static_cast<std::uint8_t>(b);
  octets[14] = static_cast<std::uint8_t>(c);
  octets[15] = static_cast<std::uint8_t>(d);
  return {octets, 96 + length, verdict};
}

constexpr Block v6(std::array<std::uint16_t, 8> groups, int length, AddressVerdict verdict = AddressVerdict::kPrivate) {
  Octets octets{};
  for (std::size_t i = 0; i < 8; ++i) {
    octets[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    octets[2 * i + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return {octets, length, verdict};
}

constexpr auto kMetadata = AddressVerdict::kMetadata;

constexpr std::array kTable{
    // Cloud metadata. 168.63.129.16 is public space, and the wire server of every Azure machine.
    v4(169, 254, 169, 254, 32, kMetadata),                           // AWS, GCP, Azure, OpenStack and others
    v4(169, 254, 170, 2, 32, kMetadata),                             // AWS ECS task credentials
    v4(169, 254, 170, 23, 32, kMetadata),                            // AWS EKS pod identity
    v4(169, 254, 42, 42, 32, kMetadata),                             // Scaleway
    v4(169, 254, 0, 23, 32, kMetadata),                              // Tencent
    v4(169, 254, 10, 10, 32, kMetadata),                             // Tencent
    v4(169, 254, 169, 252, 32, kMetadata),                           // GKE's own metadata server
    v4(168, 63, 129, 16, 32, kMetadata),                             // Azure
    v4(100, 100, 100, 200, 32, kMetadata),                           // Alibaba
    v4(192, 0, 0, 192, 32, kMetadata),                               // Oracle
    v6({0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254}, 128, kMetadata),       // AWS
    v6({0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23}, 128, kMetadata),        // AWS EKS pod identity
    v6({0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42}, 128, kMetadata),         // Scaleway
    v6({0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe}, 128, kMetadata),  // Oracle
    v6({0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1}, 128, kMetadata),     // Akamai
    v6({0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200}, 128, kMetadata),   // Alibaba
    v6({0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254}, 128, kMetadata),        // GCP
    v6({0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe}, 128, kMetadata),     // OpenStack
    // IANA IPv4 Special-Purpose Address Registry.
    v4(0, 0, 0, 0, 8),        // "this network" (RFC 791)
    v4(10, 0, 0, 0, 8),       // private use (RFC 1918)
    v4(100, 64, 0, 0, 10),    // shared address space (RFC 6598)
    v4(127, 0, 0, 0, 8),      // loopback (RFC 1122)
    v4(169, 254, 0, 0, 16),   // link local (RFC 3927)
    v4(172, 16, 0, 0, 12),    // private use (RFC 1918)
    v4(192, 0, 0, 0, 24),     // IETF protocol assignments (RFC 6890); its two anycast exceptions are no origins
    v4(192, 0, 2, 0, 24),     // TEST-NET-1 (RFC 5737)
    v4(192, 88, 99, 0, 24),   // 6to4 relay anycast, deprecated (RFC 7526)
    v4(192, 168, 0, 0, 16),   // private use (RFC 1918)
    v4(198, 18, 0, 0, 15),    // benchmarking (RFC 2544); our synthetic addresses
    v4(198, 51, 100, 0, 24),  // TEST-NET-2
    v4(203, 0, 113, 0, 24),   // TEST-NET-3
    v4(224, 0, 0, 0, 4),      // multicast (RFC 5771)
    v4(240, 0, 0, 0, 4),      // reserved, with limited broadcast (RFC 1112)
    // IANA IPv6 Special-Purpose Address Registry, inside 2000::/3; everything outside is handled by judge_plain().
    v6({0x2001, 0, 0, 0, 0, 0, 0, 0},
       23),  // IETF protocol assignments with Teredo, benchmarking, ORCHID; no origins there
    v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 0}, 32),  // documentation (RFC 3849)
    v6({0x2002, 0, 0, 0, 0, 0, 0, 0}, 16),      // 6to4, deprecated (RFC 7526)
    v6({0x3fff, 0, 0, 0, 0, 0, 0, 0}, 20),      // documentation (RFC 9637)
};

constexpr Block kMapped = v4(0, 0, 0, 0, 0);
constexpr Block kGlobalUnicast = v6({0x2000, 0, 0, 0, 0, 0, 0, 0}, 3);
constexpr Block kNat64 = v6({0x64, 0xff9b, 0, 0, 0, 0, 0, 0}, 96);       // RFC 6052
constexpr Block kLocalNat64 = v6({0x64, 0xff9b, 1, 0, 0, 0, 0, 0}, 48);  // RFC 8215
constexpr Block kCompatible = v6({0, 0, 0, 0, 0, 0, 0, 0}, 96);          // RFC 4291 2.5.5.1, deprecated
constexpr Block k6to4 = v6({0x2002, 0, 0, 0, 0, 0, 0, 0}, 16);           // RFC 3056
constexpr Block kTeredo = v6({0x2001, 0, 0, 0, 0, 0, 0, 0}, 32);         // RFC 4380

constexpr bool within(const Block& block, const Octets& octets) {
  for (int bit = 0; bit < block.length; bit += 8) {
    const int width = std::min(8, block.length - bit);
    const int mask = 0xff00 >> width & 0xff;
    if ((block.network[bit / 8] ^ octets[bit / 8]) & mask) return false;
  }
  return true;
}

constexpr AddressVerdict judge_plain(const Octets& octets) {
  AddressVerdict verdict = AddressVerdict::kGlobal;
  // Only 2000::/3 is global unicast (RFC 4291 2.4, IANA IPv6 address space), and by way of a translator the NAT64
  // prefix.
  if (!within(kMapped, octets) && !within(kGlobalUnicast, octets) && !within(kNat64, octets)) {
    verdict = AddressVerdict::kPrivate;
  }
  for (const Block& block : kTable) {
    if (within(block, octets)) verdict = std::max(verdict, block.verdict);
  }
  return verdict;
}

constexpr AddressVerdict judge_octets(const Octets& octets) {
  AddressVerdict verdict = judge_plain(octets);
  const auto also = [&](int a, int b, int c, int d) {
    verdict = std::max(verdict, judge_plain(v4(octets[a], octets[b], octets[c], octets[d], 32).network));
  };
  if (within(kNat64, octets) || within(kCompatible, octets)) also(12, 13, 14, 15);
  if (within(kLocalNat64, octets)) {
    also(12, 13, 14, 15);
    also(6, 7, 9, 10);  // RFC 6052 2.2, a prefix of 48 bits
  }
  if (within(k6to4, octets)) also(2, 3, 4, 5);
  if (within(kTeredo, octets)) {
    also(4, 5, 6, 7);
    const auto plain = [&](int i) { return octets[i] ^ 0xff; };  // the client's address stands there inverted
    verdict = std::max(verdict, judge_plain(v4(plain(12), plain(13), plain(14), plain(15), 32).network));
  }
  return verdict;
}

static_assert(judge_octets(v4(1, 1, 1, 1, 32).network) == AddressVerdict::kGlobal);
static_assert(judge_octets(v4(169, 254, 169, 254, 32).network) == AddressVerdict::kMetadata);
static_assert(judge_octets(v6({0x2002, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1}, 128).network) == AddressVerdict::kMetadata);

}  // namespace

AddressVerdict judge_address(const IpAddress& address) {
  return judge_octets(address.bytes());
}

AddressVerdict judge_block(const Cidr& block) {
  const Octets& network = block.network().bytes();
  if (block.mapped_length() == 128) return judge_octets(network);
  if (!block.is_v4() && !within(kGlobalUnicast, network) && !within(kNat64, network)) {
    // ::/0 begins outside 2000::/3, yet holds it.
    return block.mapped_length() >= kGlobalUnicast.length ? AddressVerdict::kPrivate : AddressVerdict::kGlobal;
  }
  for (const Block& entry : kTable) {
    if (entry.length <= block.mapped_length() && within(entry, network)) return entry.verdict;
  }
  return AddressVerdict::kGlobal;
}

}  // namespace enforcer::policy
