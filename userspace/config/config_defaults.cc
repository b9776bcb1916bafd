// What holds where the configuration says nothing, and what policies make of its limits.
#include <sched.h>

#include <algorithm>

#include "config/config.h"

namespace enforcer::config {
namespace {

Cidr block(std::string_view text) {
  const auto parsed = Cidr::parse(text);
  ENFORCER_CHECK(parsed.has_value());
  return *parsed;
}

/// The processors that this process may use, which in a container are fewer than the machine has.
unsigned usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::clamp(static_cast<unsigned>(count), 1u, kMostWorkers);
}

template <class Number>
void lower(Number& limit, const std::optional<std::uint64_t>& other) {
  if (other && *other < limit) limit = static_cast<Number>(*other);
}

}  // namespace

Config::Config()
    : workers(usable_processors()),
      guests{block("100.64.0.0/16"), block("fd77:e::/48"), block("198.18.0.0/15"), block("fd77:5::/64")} {
  metrics.listen = {IpAddress::v4(0x7f000001), Port{9464}};
}

Limits Limits::lowered_by(const policy::LimitOverrides& overrides) const {
  Limits out = *this;
  lower(out.connections, overrides.connections);
  lower(out.half_open, overrides.half_open);
  lower(out.requests_per_minute, overrides.requests_per_minute);
  lower(out.decisions_per_minute, overrides.decisions_per_minute);
  lower(out.distinct_names_per_hour, overrides.distinct_names_per_hour);
  lower(out.dns_per_second, overrides.dns_per_second);
  if (!out.upload_bytes_per_hour) {
    out.upload_bytes_per_hour = overrides.upload_bytes_per_hour;
  } else {
    lower(*out.upload_bytes_per_hour, overrides.upload_bytes_per_hour);
  }
  return out;
}

}  // namespace enforcer::config
