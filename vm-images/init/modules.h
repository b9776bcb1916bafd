// The kernel modules of the image.
#pragma once

#include <string>

#include "base/result.h"

namespace enforcer::guest {

/// Loads the files named in `folder`/order, one name a line, in that order (vm-images/build put each behind the
/// ones that it depends on). Stops at the first that fails.
Result<> load_modules(const std::string& folder);

}  // namespace enforcer::guest
