// The disk that a guest writes to: a file without a name, which vanishes with the QEMU that has it open.
//
// It takes room only where the guest has written, but all of its size is promised: guests together must not fill up a
// file system that the host needs, too (the audit log is on it where nobody has arranged otherwise, and without it
// nothing is let through). What guests have written by now is subtracted twice, as theirs and as not free any more: a
// bound that is too low for a while, and needs no word of QEMU.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

/// What guests' disks leave to the host of the file system that they lie on, MiB: four files of the audit log, of
/// the size that they have by default.
inline constexpr std::uint64_t kScratchReserveMib = 1024;

/// Makes it in `folder`, which becomes root's, 0700, and is made if missing: open for reading and writing. `size_mib`:
/// 64-1048576. `promised_mib`: the sizes of all that are there. It has no name when this returns. kUnavailable: there
/// is no room for all of them.
[[nodiscard]] Result<Fd> make_scratch_disk(const std::string& folder, std::uint32_t size_mib,
                                           std::uint64_t promised_mib);

}  // namespace enforcer::host
