// What QEMU is told: pure text, so that a test can read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/microvm.h"
#include "hostproto/exec_frame.h"

namespace enforcer::host {

/// The descriptors QEMU finds open, in the order in which they are handed to it, the first one as number 3.
/// kExec is the first of the exec channels' listening sockets. The last two only where spec.disk_mib says that there
/// are disks.
enum class QemuDescriptor : int {
  kTap = 3,
  kKernel,
  kInitramfs,
  kExec,
  kConsole = kExec + static_cast<int>(hostproto::kExecChannels),
  kMonitor,
  kRoot,
  kScratch,
};

/// Behind them come the sockets of the guest's workspaces, in their order.
[[nodiscard]] int workspace_descriptor(const MicroVmSpec& spec, std::size_t index);

/// The kernel's command line. kInvalid when it does not fit into 2 KiB: a longer one hangs the boot without a word.
[[nodiscard]] Result<std::string> kernel_command_line(const MicroVmSpec& spec, std::uint32_t tsc_khz);

/// The argument vector, argv[0] included.
[[nodiscard]] std::vector<std::string> qemu_command(const MicroVmSpec& spec, const std::string& kernel_command_line);

}  // namespace enforcer::host
