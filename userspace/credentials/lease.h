// Lease: the value of a credential for one request, with what its response is searched for.
#pragma once

#include <memory>

#include "base/secret.h"
#include "credentials/needles.h"

namespace enforcer::credentials {

/// May be used and dropped on any thread; stays valid after a change, and is kept for one request, not longer.
struct Lease {
  std::shared_ptr<const Secret> value;
  std::shared_ptr<const Needles> needles;
};

}  // namespace enforcer::credentials
