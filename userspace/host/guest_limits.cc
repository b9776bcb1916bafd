#include "host/guest_limits.h"

#include "host/confined_process.h"
#include "host/virtiofsd.h"

namespace enforcer::host {

GuestLimits GuestLimits::of(std::uint32_t memory_mib, std::uint32_t cpus, Accelerator accelerator,
                            std::size_t workspaces) {
  const std::uint64_t translated = accelerator == Accelerator::kTcg ? kTranslationMib : 0;
  return {.memory_bytes = (memory_mib + kVmmMib + translated + kWorkspaceMib * std::uint64_t{workspaces}) << 20,
          .tasks = kMaxQemuThreads + kMaxVirtiofsdThreads * static_cast<std::uint32_t>(workspaces),
          .cpus = cpus + 1};
}

}  // namespace enforcer::host
