// Folders of this machine that a new guest gets to work in, at the same absolute paths.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"

namespace enforcer::ctl {

/// ["DIR", "DIR:ro", ...] with every path as the kernel knows it: absolute, without links. kNotFound, kInvalid: no
/// folder of that name, or none that the daemon can be told (UTF-8).
Result<std::vector<control::Workspace>> workspaces_from(const std::vector<std::string>& texts);

/// Where a command in a guest with these workspaces begins when nobody says: where its caller is, if that is inside one
/// of them, else in the first one; without any, empty.
[[nodiscard]] std::string folder_to_begin_in(const std::vector<control::Workspace>& workspaces,
                                             const std::string& callers);

}  // namespace enforcer::ctl
