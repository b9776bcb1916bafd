// CheckedAddresses: where a name leads, and what the address guard says about it (invariant 5).
#pragma once

#include <vector>

#include "base/deadline.h"
#include "base/ip.h"
#include "policy/address_guard.h"

namespace enforcer::proxy {

/// Addresses of an origin as they were resolved, each with the verdict of the address guard: a cached set carries its
/// check (invariant 5). Cached per guest, so one guest never learns from the timing of another's lookups (invariant 9).
struct CheckedAddresses {
  std::vector<IpAddress> addresses;
  policy::AddressVerdict worst = policy::AddressVerdict::kGlobal;
  bool local = false;     ///< one of them is the host's own, loopback not counted
  bool loopback = false;  ///< one of them is
  Monotonic::time_point expires;
};

}  // namespace enforcer::proxy
