#include "packet.h"

#include <doctest/doctest.h>

namespace enforcer::bpf_test {
namespace {

void store16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

}  // namespace

std::uint16_t ones_sum(const std::uint8_t* bytes, std::size_t size, std::uint32_t start) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i < size; ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint32_t pseudo_sum(const std::uint8_t* ip, std::size_t size, std::uint8_t protocol) {
  bool v4 = ip[0] >> 4 == 4;
  return ones_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32) + static_cast<std::uint32_t>(size) + protocol;
}

void Packet::put_address(int family, const char* text) {
  std::array<std::uint8_t, 16> raw{};
  REQUIRE(inet_pton(family, text, raw.data()) == 1);
  bytes_.insert(bytes_.end(), raw.begin(), raw.begin() + (family == AF_INET ? 4 : 16));
}

void Packet::layer(std::uint16_t ethertype) {
  if (!type_fixed_) store16(bytes_, 12, ethertype);
  type_fixed_ = true;
}

void Packet::transport(std::uint8_t protocol, std::size_t checksum_offset) {
  protocol_ = protocol;
  l4_ = bytes_.size();
  checksum_ = l4_ + checksum_offset;
}

Packet& Packet::add(const Arp& arp) {
  layer(0x0806);
  put16(arp.hardware), put16(0x0800), put8(6), put8(4), put16(arp.operation);
  put(arp.sender_mac), put_address(AF_INET, arp.sender), put(arp.target_mac), put_address(AF_INET, arp.target);
  return *this;
}

Packet& Packet::add(const IPv4& ip) {
  layer(0x0800);
  ip_version_ = 4, ip_ = bytes_.size();
  length_fixed_ = ip.total_length.has_value(), protocol_fixed_ = ip.protocol.has_value();
  auto words = ip.header_words.value_or(static_cast<std::uint8_t>(5 + ip.options.size() / 4));
  put8(static_cast<std::uint8_t>(ip.version << 4 | words)), put8(0), put16(ip.total_length.value_or(0));
  put16(1), put16(ip.fragment), put8(ip.ttl), put8(ip.protocol.value_or(0)), put16(0);
  put_address(AF_INET, ip.source), put_address(AF_INET, ip.destination), put(ip.options);
  return *this;
}

Packet& Packet::add(const IPv6& ip) {
  layer(0x86dd);
  ip_version_ = 6, ip_ = bytes_.size();
  length_fixed_ = ip.payload_length.has_value(), protocol_fixed_ = ip.next_header.has_value();
  put32(static_cast<std::uint32_t>(ip.version) << 28), put16(ip.payload_length.value_or(0));
  put8(ip.next_header.value_or(0)), put8(ip.hop_limit);
  put_address(AF_INET6, ip.source), put_address(AF_INET6, ip.destination);
  return *this;
}

Packet& Packet::add(const Tcp& tcp) {
  transport(IPPROTO_TCP, 16);
  put16(tcp.source), put16(tcp.destination), put32(tcp.sequence), put32(tcp.acknowledgement);
  put8(static_cast<std::uint8_t>(tcp.header_words << 4)), put8(tcp.flags), put16(64000), put16(0), put16(0);
  return *this;
}

Packet& Packet::add(const Udp& udp) {
  transport(IPPROTO_UDP, 6);
  udp_length_fixed_ = udp.length.has_value();
  put16(udp.source), put16(udp.destination), put16(udp.length.value_or(0)), put16(0);
  return *this;
}

Packet& Packet::add(const Icmp& icmp) {
  transport(IPPROTO_ICMP, 2);
  put8(icmp.type), put8(icmp.code), put16(0), put32(0x00010001);
  return *this;
}

Packet& Packet::add(const Icmp6& icmp) {
  transport(IPPROTO_ICMPV6, 2);
  put8(icmp.type), put8(icmp.code), put16(0), put32(0x00010001);
  return *this;
}

Packet& Packet::add(const Neighbour& nd) {
  transport(IPPROTO_ICMPV6, 2);
  put8(nd.type), put8(nd.code), put16(0), put32(nd.flags), put_address(AF_INET6, nd.target);
  if (nd.option_mac) put8(nd.option_type), put8(1), put(*nd.option_mac);
  return *this;
}

Bytes Packet::bytes() const {
  Bytes out = bytes_;
  if (ip_version_ == 0) return out;
  if (!protocol_fixed_ && l4_ != 0) out[ip_ + (ip_version_ == 4 ? 9 : 6)] = protocol_;
  auto size = static_cast<std::uint16_t>(out.size() - ip_);
  if (!length_fixed_ && ip_version_ == 4) store16(out, ip_ + 2, size);
  if (!length_fixed_ && ip_version_ == 6) store16(out, ip_ + 4, size - 40);
  if (ip_version_ == 4) {
    std::size_t header = std::min<std::size_t>((out[ip_] & 0xf) * 4u, out.size() - ip_);
    store16(out, ip_ + 10, ~ones_sum(&out[ip_], header) & 0xffff);
  }
  if (l4_ == 0) return out;
  if (!udp_length_fixed_) store16(out, l4_ + 4, static_cast<std::uint16_t>(out.size() - l4_));
  std::uint32_t start = protocol_ == IPPROTO_ICMP ? 0 : pseudo_sum(&out[ip_], out.size() - l4_, protocol_);
  store16(out, checksum_, ~ones_sum(&out[l4_], out.size() - l4_, start) & 0xffff);
  return out;
}

Bytes Packet::cut_to(std::size_t size) const {
  Bytes out = bytes();
  REQUIRE(size <= out.size());
  out.resize(size);
  return out;
}

}  // namespace enforcer::bpf_test
