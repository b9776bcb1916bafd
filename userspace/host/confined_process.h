// A process that starts with nothing: another uid, no groups, no capabilities, no new privileges, the descriptors it is
// given and no others. What QEMU runs in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/child_steps.h"

namespace enforcer::host {

/// One for each CPU, plus QEMU's pool of 64.
inline constexpr std::uint32_t kMaxQemuThreads = 256;

struct Confinement {
  uid_t uid = 0;                 ///< not root
  gid_t gid = 0;                 ///< the only group it has
  int netns = -1;                ///< the network namespace it is in
  std::uint64_t file_bytes = 0;  ///< it cannot write to a file beyond this offset
  ChildOutfit outfit;
};

/// Executes `argv` (argv[0]: an absolute path). When this returns, the program runs; an error names the step that
/// failed and nothing is left behind. The child is the caller's to wait for. Needs root and a caller without other
/// threads.
Result<pid_t> spawn_confined(const std::vector<std::string>& argv, const Confinement& confinement);

}  // namespace enforcer::host
