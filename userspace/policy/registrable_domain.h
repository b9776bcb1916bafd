// The part of a name that somebody registered: what a person must look at first, since everything to the left of it is
// theirs who own it ("accounts.google.com.evil.test" is of evil.test).
#pragma once

#include <string>

#include "base/host_name.h"

namespace enforcer::policy {

/// The public suffix and one label more (publicsuffix.org, the list that libpsl was built with). Empty for a name that
/// is a public suffix itself.
[[nodiscard]] std::string registrable_domain(const HostName& host);

}  // namespace enforcer::policy
