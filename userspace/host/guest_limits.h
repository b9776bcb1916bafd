// What one guest may take of the host at most: a number for the memory, the tasks and the processor time of all its
// processes together (QEMU and the servers of its workspaces).
#pragma once

#include <cstddef>
#include <cstdint>

#include "host/accelerator.h"

namespace enforcer::host {

/// How much translated code QEMU keeps under TCG, MiB.
inline constexpr std::uint32_t kTranslationMib = 256;
/// What QEMU takes beside the guest's memory and that code, MiB: 60 to 90 measured, and page tables for large guests.
inline constexpr std::uint32_t kVmmMib = 192;
/// For each workspace, MiB: virtiofsd itself takes 10; the rest is the kernel's, for the files that the guest holds.
inline constexpr std::uint32_t kWorkspaceMib = 192;

struct GuestLimits {
  std::uint64_t memory_bytes = 0;
  std::uint32_t tasks = 0;
  std::uint32_t cpus = 0;  ///< processor time, in processors

  /// The guest's own memory and processors, with what is needed to run them on top. The cache of files is within the
  /// memory too, and is what goes first. One processor more, for QEMU's input and output and the workspaces' servers.
  static GuestLimits of(std::uint32_t memory_mib, std::uint32_t cpus, Accelerator accelerator, std::size_t workspaces);
};

}  // namespace enforcer::host
