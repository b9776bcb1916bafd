// Frames written as they look: Ethernet{} / IPv4{.ttl = 1} / Tcp{.destination = 443} / Payload{"..."}.
//
// Every header has the defaults of a good packet from the test guest; lengths, protocol numbers and checksums are
// filled in when the frame is read, unless the header names its own. So a test states only the one thing that it is
// about.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::bpf_test {

using Bytes = std::vector<std::uint8_t>;
using Mac = std::array<std::uint8_t, 6>;

inline constexpr Mac kGuestMac{0x02, 0x77, 0, 0, 0, 7};
inline constexpr Mac kGatewayMac{0x06, 0x77, 0, 0, 0, 7};
inline constexpr Mac kOtherMac{0x02, 0x77, 0, 0, 0, 8};
inline constexpr Mac kBroadcastMac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
inline constexpr const char* kGuestIpv4 = "10.77.0.9";
inline constexpr const char* kGatewayIpv4 = "10.77.0.1";
inline constexpr const char* kOriginIpv4 = "93.184.216.34";
inline constexpr const char* kGuestIpv6 = "fd77:e::8";
inline constexpr const char* kGatewayIpv6 = "fd77:e::1";
inline constexpr const char* kOriginIpv6 = "2600:9000::34";

struct Ethernet {
  Mac destination = kGatewayMac;
  Mac source = kGuestMac;
  std::optional<std::uint16_t> type;
};
struct Vlan {
  std::uint16_t id = 10;
};
struct Arp {
  std::uint16_t operation = 1;
  Mac sender_mac = kGuestMac;
  const char* sender = kGuestIpv4;
  Mac target_mac{};
  const char* target = kGatewayIpv4;
  std::uint16_t hardware = 1;
};
struct IPv4 {
  const char* source = kGuestIpv4;
  const char* destination = kOriginIpv4;
  std::optional<std::uint8_t> protocol;
  std::uint8_t version = 4;
  std::optional<std::uint8_t> header_words;
  std::uint16_t fragment = 0;
  std::optional<std::uint16_t> total_length;
  std::uint8_t ttl = 64;
  Bytes options;
};
struct IPv6 {
  const char* source = kGuestIpv6;
  const char* destination = kOriginIpv6;
  std::optional<std::uint8_t> next_header;
  std::uint8_t version = 6;
  std::optional<std::uint16_t> payload_length;
  std::uint8_t hop_limit = 64;
};
struct Tcp {
  std::uint16_t source = 40000;
  std::uint16_t destination = 443;
  std::uint8_t flags = 0x02;
  std::uint8_t header_words = 5;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 0;
};
struct Udp {
  std::uint16_t source = 40000;
  std::uint16_t destination = 53;
  std::optional<std::uint16_t> length;
};
struct Icmp {
  std::uint8_t type = 8;
  std::uint8_t code = 0;
};
struct Icmp6 {
  std::uint8_t type = 128;
  std::uint8_t code = 0;
};
// A neighbour solicitation (135) or advertisement (136); the option is left out when it has no MAC.
struct Neighbour {
  std::uint8_t type = 135;
  const char* target = kGatewayIpv6;
  std::uint32_t flags = 0;
  std::uint8_t option_type = 1;
  std::optional<Mac> option_mac = kGuestMac;
  std::uint8_t code = 0;
};
struct Payload {
  Bytes bytes;
  explicit Payload(std::string_view text) : bytes(text.begin(), text.end()) {}
  explicit Payload(std::size_t size) : bytes(size, 0x5a) {}
};

class Packet {
 public:
  explicit Packet(const Ethernet& eth) {
    put(eth.destination), put(eth.source), put16(eth.type.value_or(0));
    type_fixed_ = eth.type.has_value();
  }

  Packet& add(const Vlan& vlan) { return layer(0x8100), put16(vlan.id), put16(0x0800), *this; }
  Packet& add(const Arp& arp);
  Packet& add(const IPv4& ip);
  Packet& add(const IPv6& ip);
  Packet& add(const Tcp& tcp);
  Packet& add(const Udp& udp);
  Packet& add(const Icmp& icmp);
  Packet& add(const Icmp6& icmp);
  Packet& add(const Neighbour& nd);
  Packet& add(const Payload& payload) { return put(payload.bytes), *this; }

  // The frame as it goes over the wire.
  [[nodiscard]] Bytes bytes() const;
  // The same, cut off behind `size` bytes; the headers still claim the whole length.
  [[nodiscard]] Bytes cut_to(std::size_t size) const;

 private:
  template <typename Range>
  void put(const Range& range) {
    bytes_.insert(bytes_.end(), range.begin(), range.end());
  }
  void put8(std::uint8_t v) { bytes_.push_back(v); }
  void put16(std::uint16_t v) { put8(v >> 8), put8(v & 0xff); }
  void put32(std::uint32_t v) { put16(v >> 16), put16(v & 0xffff); }
  void put_address(int family, const char* text);
  void layer(std::uint16_t ethertype);
  void transport(std::uint8_t protocol, std::size_t checksum_offset);

  Bytes bytes_;
  bool type_fixed_ = false;
  bool length_fixed_ = false;
  bool protocol_fixed_ = false;
  bool udp_length_fixed_ = true;
  int ip_version_ = 0;
  std::size_t ip_ = 0;
  std::size_t l4_ = 0;
  std::size_t checksum_ = 0;
  std::uint8_t protocol_ = 0;
};

template <typename Layer>
Packet operator/(const Ethernet& eth, const Layer& layer) {
  return Packet(eth).add(layer);
}
template <typename Layer>
Packet operator/(Packet packet, const Layer& layer) {
  return packet.add(layer);
}

// The one's-complement sum over `bytes`, folded; 0xffff means that a checksummed range is intact.
std::uint16_t ones_sum(const std::uint8_t* bytes, std::size_t size, std::uint32_t start = 0);
// The pseudo header's sum for the IP packet that starts at `ip`, over `size` bytes of `protocol`.
std::uint32_t pseudo_sum(const std::uint8_t* ip, std::size_t size, std::uint8_t protocol);

}  // namespace enforcer::bpf_test
