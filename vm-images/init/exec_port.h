// The guest's ends of the exec channels: virtio-serial ports, found by their names.
#pragma once

#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::guest {

/// Waits up to five seconds for the ports to appear (the driver adds ports some time after it was loaded) and opens
/// them, non-blocking, in the order of their numbers.
Result<std::vector<Fd>> open_exec_ports();

}  // namespace enforcer::guest
