// The guest's own root file system: a read-only image that all guests share, under a scratch disk of this guest's that
// takes whatever it writes and is thrown away with it.
#pragma once

#include <string>

#include "base/result.h"

namespace enforcer::guest {

/// Makes the image's file system on /dev/vda, of the kind `kind` ("erofs"; empty: the initramfs is all there is,
/// nothing happens), the root of this process and of the kernel's helpers. A new ext4 on /dev/vdb lies over it; /proc,
/// /sys, /dev and /run go along, /tmp and the folders of container engines are folders of that disk. Call it behind
/// mount_file_systems() and load_modules(). After an error the process stands between two roots: nothing can go on.
Result<> enter_root(const std::string& kind);

}  // namespace enforcer::guest
