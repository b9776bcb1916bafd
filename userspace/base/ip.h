// Addresses: one type for both families, so that "the address checked" and "the address connected to" are comparable
// values and never texts (invariant 5).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer {

/// A TCP or UDP port, 0-65535; 0 stands for no real port and matches no rule.
enum class Port : std::uint16_t {};

inline constexpr Port kHttpPort{80};
inline constexpr Port kHttpsPort{443};
inline constexpr Port kDnsPort{53};

/// An IPv4 or IPv6 address. IPv4 is kept in its IPv4-mapped form (RFC 4291 2.5.5.2), so an address that arrived on a
/// dual-stack socket and the same address from a policy file are equal.
class IpAddress {
 public:
  IpAddress() = default;  ///< ::, which no rule matches
  explicit IpAddress(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}
  static IpAddress v4(std::uint32_t host_order);

  /// Dotted quad with four decimal parts without leading zeros, or RFC 4291 text without brackets and without a zone.
  /// Every other spelling ("127.1", "0x7f.1", "%eth0") is refused: it is a name trick, not an address.
  static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] std::uint32_t v4_host_order() const;  ///< only when is_v4()
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  Port port{};
  [[nodiscard]] std::string to_string() const;  ///< "1.2.3.4:443", "[2001:db8::1]:443"
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// A block of addresses of one family.
class Cidr {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or a bare address (a block of one). Host bits must be zero; anything else is
  /// refused.
  static Result<Cidr> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] const IpAddress& network() const { return network_; }
  [[nodiscard]] bool is_v4() const { return network_.is_v4() && mapped_length_ >= 96; }
  /// Length of the prefix in the 128-bit (IPv4-mapped) space, 0-128: what a longest-prefix match over both families
  /// uses.
  [[nodiscard]] int mapped_length() const { return mapped_length_; }
  [[nodiscard]] int length() const { return is_v4() ? mapped_length_ - 96 : mapped_length_; }
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const Cidr&, const Cidr&) = default;

 private:
  IpAddress network_;
  int mapped_length_ = 128;
};

}  // namespace enforcer

template <>
struct std::hash<enforcer::IpAddress> {
  std::size_t operator()(const enforcer::IpAddress& address) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
  }
};
