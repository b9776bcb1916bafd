// What `doctor` looks at on the host: each check is a line with a verdict and, where it is not well, what to do.
// Nothing is changed, and nothing needs root: what this user may not look at is a warning that says so. Where a program
// can put it right, the check brings the steps (doctor_mends.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "config/config.h"
#include "control/api.h"
#include "control/peer.h"

namespace enforcer::ctl {

enum class Verdict { kOk, kWarn, kFail };
[[nodiscard]] std::string_view label(Verdict verdict);  ///< "ok", "warn", "fail"

/// One step that puts a finding right, and does nothing when it was done.
struct Mend {
  std::string what;  ///< "mount a bpffs at /sys/fs/bpf"
  std::function<Result<>()> act;
};

struct Check {
  std::string name;  ///< "audit log"
  Verdict verdict = Verdict::kOk;
  std::string found;             ///< what is the case
  std::string advice;            ///< what to do; empty when it is well
  std::vector<Mend> mends = {};  ///< none: it needs a person
};

// ---- What the daemon says. An error is what came of asking it.
[[nodiscard]] Check check_daemon(const Result<control::Status>& status);
[[nodiscard]] Check check_hostd(const control::Status& status);
[[nodiscard]] Check check_audit(const control::Status& status);
[[nodiscard]] Check check_policies(const control::Status& status);

// ---- What this host says.
/// `release` as uname(2) has it: "6.1.0-18-amd64".
[[nodiscard]] Check check_kernel(std::string_view release);
[[nodiscard]] Check check_bpffs(const std::string& mount_point);
/// `device` is /dev/kvm; `in_use` what the guests have, as the daemon says it, "" and "unknown" when nobody knows.
[[nodiscard]] Check check_kvm(const std::string& device, config::Accelerator wanted, std::string_view in_use);
/// A folder below one of the roots with an image.json in it is an image, and a warning where that cannot be understood.
[[nodiscard]] Check check_images(const std::vector<std::string>& roots);
[[nodiscard]] Check check_workspaces(const std::vector<std::string>& roots);
enum class ClockState { kSynchronised, kUnsynchronised };
[[nodiscard]] ClockState clock_state();  ///< the kernel's word, adjtimex(2)
[[nodiscard]] Check check_clock(WallClock::time_point now, ClockState state);
/// Fails below 64 MiB, warns below `enough` bytes. `what` is the name of the check.
[[nodiscard]] Check check_space(std::string what, const std::string& folder, std::uint64_t enough);
[[nodiscard]] Check check_groups(const control::RoleGroups& groups);

}  // namespace enforcer::ctl
