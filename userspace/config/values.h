// The values that only the configuration has: addresses to listen on, pools, paths, commands.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "policy/schema.h"

namespace enforcer::config {

/// "127.0.0.1:9464", "[::1]:9464"; with `default_port` the port may be left out.
[[nodiscard]] std::optional<Endpoint> read_endpoint(const policy::YamlNode& node, std::optional<Port> default_port,
                                                    policy::Reader& reader);

enum class Family { kIpv4, kIpv6 };

/// A block of one family whose prefix length lies in [shortest, longest].
[[nodiscard]] std::optional<Cidr> read_pool(const policy::YamlNode& node, Family family, int shortest, int longest,
                                            policy::Reader& reader);

/// An absolute path.
[[nodiscard]] std::optional<std::string> read_path(const policy::YamlNode& node, policy::Reader& reader);
[[nodiscard]] std::vector<std::string> read_paths(const policy::YamlNode& node, std::string_view what,
                                                  policy::Reader& reader);

/// A program with its arguments, run without a shell: the program by an absolute path, nothing with a NUL. Empty, and
/// reported, when it is something else.
[[nodiscard]] std::vector<std::string> read_command(const policy::YamlNode& node, std::string_view what,
                                                    policy::Reader& reader);

/// How many of something a setting may allow: 1 to 1,000,000,000.
inline constexpr std::uint32_t kMostOfALimit = 1'000'000'000;
inline constexpr policy::Shape kCount = policy::shape::number(1, kMostOfALimit);

/// A number from 1, into a member.
template <class Object, auto member>
void read_count(const policy::YamlNode& node, Object& into, policy::Reader& reader) {
  if (const auto number = policy::read_number(node, 1, kMostOfALimit, reader))
    into.*member = static_cast<std::uint32_t>(*number);
}

/// A duration within bounds of whole seconds, both included.
[[nodiscard]] std::optional<std::chrono::milliseconds> read_bounded_duration(const policy::YamlNode& node,
                                                                             std::chrono::seconds least,
                                                                             std::chrono::seconds most,
                                                                             policy::Reader& reader);

}  // namespace enforcer::config
