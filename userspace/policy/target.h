// Target: one entry of `to` or `except`: a host pattern or an address block, with a port.
//
//   api.github.com   *.example.org:8443   **.example.org:*   10.0.0.0/8:5432   192.0.2.7   2001:db8::/32
//   [2001:db8::1]:443
//
// What is written as an address is an address, and everything else is a name: "10.0.0.1" is never compared with labels,
// and a name has no prefix length.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ip.h"
#include "policy/host_pattern.h"

namespace enforcer::policy {

/// What an entry without a port means: 443 in `allow`, every port elsewhere.
enum class PortDefault { kHttps, kEvery };

struct Target {
  std::variant<HostPattern, Cidr> where;
  std::optional<Port> port;  ///< none: every port
  std::string text;          ///< as written
  Place place;

  static std::expected<Target, TargetProblem> parse(std::string_view text, PortDefault without_port);

  [[nodiscard]] const HostPattern* host() const { return std::get_if<HostPattern>(&where); }
  [[nodiscard]] const Cidr* block() const { return std::get_if<Cidr>(&where); }

  /// Ports: 0 is no port and is matched by nothing.
  [[nodiscard]] bool has_port(Port asked) const { return asked != Port{0} && (!port || *port == asked); }
  [[nodiscard]] bool covers(const Target& other) const;
  [[nodiscard]] bool overlaps(const Target& other) const;
};

/// True when the pattern leaves so much open that a rule must say `broad: true`; the words say what is so wide about
/// it.
struct Breadth {
  enum class Kind { kNarrow, kPrivateSuffix, kBroad };
  Kind kind = Kind::kNarrow;
  std::string what;
};
[[nodiscard]] Breadth breadth(const Target& target);

}  // namespace enforcer::policy
