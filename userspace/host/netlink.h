// What the files that know libnl share: libnl's objects with owners, and its errors as Result.
#pragma once

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/object.h>

#include <memory>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace enforcer::host {

template <auto put>
struct Put {
  template <class T>
  void operator()(T* object) const {
    put(object);
  }
};
template <class T, auto put>
using Owned = std::unique_ptr<T, Put<put>>;

using OwnedAddress = Owned<nl_addr, nl_addr_put>;

/// `status` as libnl returns it; what it says about `what` when negative.
Result<> netlink_result(int status, std::string_view what);

/// The address as libnl wants it, as a host (/32, /128).
OwnedAddress host_address(const IpAddress& address);
[[nodiscard]] int family_of(const IpAddress& address);

}  // namespace enforcer::host
