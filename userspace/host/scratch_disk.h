// The disk that a guest writes to: a file without a name, which vanishes with the QEMU that has it open.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

struct ScratchDisk {
  Fd file;              ///< open for reading and writing; takes room only where the guest has written
  std::string warning;  ///< that the disk may be filled up beyond what there is room for; or empty
};

/// Makes it in `folder`, which becomes root's, 0700, and is made if missing. `size_mib`: 64-1048576. kUnavailable:
/// there is no room even for a file system. It has no name when this returns.
[[nodiscard]] Result<ScratchDisk> make_scratch_disk(const std::string& folder, std::uint32_t size_mib);

}  // namespace enforcer::host
