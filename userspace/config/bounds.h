// Bounds: how much a guest may have of everything, and how long one side may let the other wait, as `limits` and
// `deadlines` of the configuration say.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "policy/guest_policy.h"
#include "policy/schema.h"

namespace enforcer::config {

/// Per guest. A policy may lower them, never raise them.
struct Limits {
  std::uint32_t connections = 512;
  std::uint32_t half_open = 128;
  std::uint32_t requests_per_minute = 6000;
  std::uint32_t decisions_per_minute = 6000;
  std::uint32_t distinct_names_per_hour = 500;
  std::optional<std::uint64_t> upload_bytes_per_hour;  ///< none: unlimited
  std::uint32_t dns_per_second = 50;

  [[nodiscard]] Limits lowered_by(const policy::LimitOverrides& overrides) const;
  friend bool operator==(const Limits&, const Limits&) = default;
};

struct Deadlines {
  std::chrono::milliseconds classify{
      std::chrono::seconds(10)};  ///< from accept until it is known what the client wants
  std::chrono::milliseconds tls_handshake{std::chrono::seconds(10)};
  std::chrono::milliseconds origin_connect{std::chrono::seconds(10)};  ///< resolution and connect together
  std::chrono::milliseconds request_head{std::chrono::seconds(30)};
  std::chrono::milliseconds request_body{std::chrono::seconds(60)};  ///< of a body that the decision needs
  std::chrono::milliseconds idle{std::chrono::hours(1)};

  /// How long a receiver may take nothing of what waits for it: the kernel keeps megabytes for it meanwhile.
  [[nodiscard]] std::chrono::milliseconds stalled() const { return std::min(idle, std::max(idle / 12, kLeastStall)); }
  static constexpr std::chrono::milliseconds kLeastStall{std::chrono::seconds(10)};
};

/// What `limits` and `deadlines` may say.
[[nodiscard]] std::vector<policy::FieldShape> limit_fields();
[[nodiscard]] std::vector<policy::FieldShape> deadline_fields();

/// The values of `limits` and `deadlines`. What is not said, or wrong and reported, stays as it is.
void read_limits(const policy::YamlNode& node, Limits& limits, policy::Reader& reader);
void read_deadlines(const policy::YamlNode& node, Deadlines& deadlines, policy::Reader& reader);

}  // namespace enforcer::config
