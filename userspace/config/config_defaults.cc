// What holds where the configuration says nothing.
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

}  // namespace

Config::Config()
    : workers(usable_processors()),
      guests{block("100.64.0.0/16"), block("fd77:e::/48"), block("198.18.0.0/15"), block("fd77:5::/64")} {
  metrics.listen = {IpAddress::v4(0x7f000001), Port{9464}};
}

}  // namespace enforcer::config
