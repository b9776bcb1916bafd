// Addresses, and DNS messages made by hand, field by field, so that a test can make exactly one of them wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace enforcer::dns::test {

inline IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

inline std::string be16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
inline std::string be32(std::uint32_t value) {
  return be16(value >> 16) + be16(value & 0xffff);
}

/// "a.b" as labels with the root at the end; "" is the root.
inline std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const auto dot = std::min(name.find('.'), name.size());
    out += static_cast<char>(dot);
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

struct Header {
  unsigned id = 0x1234;
  unsigned flags = 0x0100;  // recursion desired
  unsigned questions = 1;
  unsigned answers = 0;
  unsigned authorities = 0;
  unsigned additionals = 0;
};

inline std::string header(const Header& h) {
  return be16(h.id) + be16(h.flags) + be16(h.questions) + be16(h.answers) + be16(h.authorities) + be16(h.additionals);
}
inline std::string question(std::string_view name, unsigned type, unsigned dns_class = 1) {
  return wire_name(name) + be16(type) + be16(dns_class);
}
inline std::string record(std::string_view name, unsigned type, std::uint32_t ttl, std::string_view data) {
  return wire_name(name) + be16(type) + be16(1) + be32(ttl) + be16(static_cast<unsigned>(data.size())) +
         std::string(data);
}
inline std::string opt(unsigned payload, unsigned version = 0, std::string_view options = "") {
  return std::string(1, '\0') + be16(41) + be16(payload) + std::string(1, '\0') + static_cast<char>(version) + be16(0) +
         be16(static_cast<unsigned>(options.size())) + std::string(options);
}

}  // namespace enforcer::dns::test
