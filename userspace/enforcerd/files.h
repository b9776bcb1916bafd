// Folders of the state folder.
#pragma once

#include <string>

#include "base/result.h"

namespace enforcer::enforcerd {

/// Makes a folder (0700) and those above it; one that exists is fine.
Result<> make_folders(const std::string& path);

}  // namespace enforcer::enforcerd
