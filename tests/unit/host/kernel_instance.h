// What the tests that talk to the kernel share.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <string>

#include "host/addresses.h"
#include "host/network.h"

namespace enforcer::host {

inline bool is_root() {
  if (geteuid() == 0) return true;
  fmt::print("SKIP: needs root, for network namespaces and BPF\n");
  return false;
}

/// An instance that nobody else has, gone at the end.
struct Instance {
  Instance() { static_cast<void>(remove_network(netns, bpffs)); }
  ~Instance() { CHECK(remove_network(netns, bpffs)); }
  std::string netns = fmt::format("/run/netns/enforcer-unit-host-{}", getpid());
  std::string bpffs = fmt::format("/sys/fs/bpf/enforcer/unit-host-{}", getpid());
};

inline GuestAddresses addresses(std::uint32_t slot) {
  const auto plan = AddressPlan::make(*Cidr::parse("100.64.0.0/16"), *Cidr::parse("fd77:e::/48"));
  return *addresses_of(*plan, Slot{slot}, *plan->guest_ipv4(Slot{slot}, {}));
}

}  // namespace enforcer::host
