// Folders of the host that this guest works in, at the same absolute path as there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::guest {

struct SharedFolder {
  enum class Access { kReadWrite, kReadOnly };
  std::string tag;  ///< of its virtiofs device
  Access access = Access::kReadOnly;
  std::string path;  ///< absolute, no "", "." or ".." in it
};

/// "TAG:rw|ro:PATH" with everything but [A-Za-z0-9/._-] of the path as %XX. kInvalid says what is wrong with it.
Result<SharedFolder> parse_workspace(std::string_view text);

/// Mounts all of them, the outer one first where one lies in another; missing folders on the way are made. The error
/// names the first that failed.
Result<> mount_workspaces(const std::vector<std::string>& texts);

/// An error when a workspace that the guest should have is not there. A command must then be refused: what it writes
/// into an empty folder of that name would be lost, and what it reads there is not what it was sent for.
Result<> workspaces_ready();

/// Waits until the host has all that was written into them.
void flush_workspaces();

}  // namespace enforcer::guest
