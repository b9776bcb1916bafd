// The guest's end of the exec channel: a virtio-serial port, found by its name.
#pragma once

#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::guest {

/// Waits up to five seconds for the port to appear (the driver adds ports some time after it was loaded) and opens it,
/// non-blocking.
Result<Fd> open_exec_port(std::string_view name);

}  // namespace enforcer::guest
