// The kernel's file systems and the scratch ones.
#pragma once

#include "base/result.h"

namespace enforcer::guest {

/// Mounts all that it can; the error names the first that failed.
Result<> mount_file_systems();

}  // namespace enforcer::guest
