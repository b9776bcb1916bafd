// What the two ends of a measurement say to each other: a real ClientHello, whose session id carries an order for the
// origin, and a real ServerHello, behind which come as many bytes as were ordered, of a known pattern. A proxy that
// only looks at names cannot tell the difference from TLS, and neither end spends time on cryptography.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace enforcer::bench {

struct Order {
  std::uint64_t bytes = 0;      ///< to send behind the ServerHello
  std::uint64_t keep_open = 0;  ///< not 0: wait for the client to close instead of closing
};

namespace wire {
inline void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}
inline std::string extension(std::size_t kind, std::string_view body) {
  std::string out;
  put16(out, kind);
  put16(out, body.size());
  return out.append(body);
}
/// One handshake message in one record.
inline std::string record(char type, std::string_view body) {
  std::string out("\x16\x03\x01", 3);
  put16(out, body.size() + 4);
  out += type;
  out += '\0';
  put16(out, body.size());
  return out.append(body);
}
inline constexpr std::size_t kSessionIdAt = 5 + 4 + 2 + 32 + 1;
inline constexpr std::size_t kSessionIdSize = 32;
}  // namespace wire

inline std::string client_hello(std::string_view server_name, const Order& order) {
  std::string name;
  wire::put16(name, server_name.size() + 3);
  name += '\0';
  wire::put16(name, server_name.size());
  name += server_name;
  std::string share("\x00\x24\x00\x1d\x00\x20", 6);
  share.append(32, 's');
  const std::string extensions = wire::extension(0, name) + wire::extension(43, std::string_view("\x02\x03\x04", 3)) +
                                 wire::extension(10, std::string_view("\x00\x02\x00\x1d", 4)) +
                                 wire::extension(13, std::string_view("\x00\x02\x04\x03", 4)) +
                                 wire::extension(51, share);
  std::string body("\x03\x03", 2);
  body.append(32, 'r');
  body += static_cast<char>(wire::kSessionIdSize);
  std::array<char, wire::kSessionIdSize> session{};
  std::memcpy(session.data(), &order, sizeof order);
  body.append(session.data(), session.size());
  body += std::string_view("\x00\x02\x13\x01\x01\x00", 6);
  wire::put16(body, extensions.size());
  return wire::record(1, body + extensions);
}

/// The name in a ClientHello that lies whole in one record and names its host in its first extension, as ours does; ""
/// for anything else.
inline std::string_view server_name(std::string_view hello) {
  const auto number = [hello](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (const char octet : hello.substr(std::min(at, hello.size()), size)) {
      value = value << 8 | static_cast<std::uint8_t>(octet);
    }
    return value;
  };
  std::size_t at = wire::kSessionIdAt + number(wire::kSessionIdAt - 1, 1);
  at += 2 + number(at, 2);      // cipher suites
  at += 1 + number(at, 1) + 2;  // compression methods; the length of the extensions
  if (at + 9 > hello.size() || number(at, 2) != 0) return "";
  return hello.substr(at + 9, number(at + 7, 2));
}

/// The order inside a ClientHello that has arrived whole; none while bytes are missing.
inline std::optional<Order> order_of(std::string_view received) {
  if (received.size() < 5) return std::nullopt;
  const std::size_t length = static_cast<std::uint8_t>(received[3]) * 256u + static_cast<std::uint8_t>(received[4]);
  if (received.size() < 5 + length || received.size() < wire::kSessionIdAt + sizeof(Order)) return std::nullopt;
  Order order;
  std::memcpy(&order, received.data() + wire::kSessionIdAt, sizeof order);
  return order;
}

inline std::string server_hello() {
  std::string share("\x00\x1d\x00\x20", 4);
  share.append(32, 's');
  const std::string extensions = wire::extension(43, std::string_view("\x03\x04", 2)) + wire::extension(51, share);
  std::string body("\x03\x03", 2);
  body.append(32, 'r');
  body += '\0';
  body += std::string_view("\x13\x01\x00", 3);
  wire::put16(body, extensions.size());
  return wire::record(2, body + extensions);
}

/// Octet n of what was ordered is octet n modulo its size of this.
inline constexpr std::uint64_t kPatternSize = 4 << 20;
inline std::string pattern() {
  std::string out(kPatternSize, '\0');
  std::uint32_t state = 1;
  for (char& octet : out) {
    state = state * 1664525 + 1013904223;  // the generator of Numerical Recipes: no piece of it looks like another
    octet = static_cast<char>(state >> 24);
  }
  return out;
}

}  // namespace enforcer::bench
