// A process of ours that may outlive us, held by its pidfd: with pid and start time it is the same one for ever,
// whoever gets the number later.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

/// Field 22 of /proc/PID/stat, in clock ticks since the host's boot. kNotFound: there is no such process.
Result<std::uint64_t> read_start_time(pid_t pid);

/// kNotFound when there is no such process.
Result<Fd> open_pidfd(pid_t pid);

/// Ends a child that nobody has waited for, and waits for it, but no longer than five seconds: one that hangs in a file
/// system does not end.
void kill_child(pid_t pid);

/// Whether `fd` becomes readable within `wait`; a pidfd does when its process has ended.
[[nodiscard]] bool is_readable(int fd, std::chrono::milliseconds wait);

}  // namespace enforcer::host
