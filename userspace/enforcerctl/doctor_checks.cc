#include "enforcerctl/doctor_checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/fd.h"
#include "control/json.h"
#include "enforcerctl/doctor_mends.h"
#include "enforcerctl/images.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

/// The oldest kernel that the datapath is tested on: Debian 12's.
constexpr int kLeastMajor = 6;
constexpr int kLeastMinor = 1;
constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
/// Less than this is full: a burst of records, or one policy that is applied, takes it all.
constexpr std::uint64_t kNoSpace = 64 * kMib;
/// Earlier than this release is no time it can be: 2026-01-01.
constexpr std::time_t kNotBefore = 1'767'225'600;
constexpr std::string_view kAsRoot = "run 'enforcerctl doctor' as root to have it looked at";

Check well(std::string name, std::string found) {
  return {.name = std::move(name), .verdict = Verdict::kOk, .found = std::move(found), .advice = ""};
}

Check warning(std::string name, std::string found, std::string_view advice) {
  return {.name = std::move(name), .verdict = Verdict::kWarn, .found = std::move(found), .advice = std::string(advice)};
}

Check failure(std::string name, std::string found, std::string_view advice) {
  return {.name = std::move(name), .verdict = Verdict::kFail, .found = std::move(found), .advice = std::string(advice)};
}

}  // namespace

std::string_view label(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      break;
  }
  return "fail";
}

Check check_daemon(const Result<control::Status>& status) {
  if (status) return well("enforcerd", fmt::format("{}, instance {}", status->version, status->instance));
  const bool refused = status.error().code == Errc::kDenied;
  return failure("enforcerd", status.error().message,
                 refused ? "become a member of enforcer-viewer, or use root"
                         : "systemctl start enforcerd; --instance and --socket name another one");
}

Check check_hostd(const control::Status& status) {
  if (status.hostd_connected) return well("enforcer-hostd", fmt::format("connected, {}", status.attach_mode));
  return failure("enforcer-hostd", "not connected: guests cannot be made, changed or deleted",
                 "systemctl start enforcer-hostd; its log says why it ended");
}

Check check_audit(const control::Status& status) {
  const auto& audit = status.audit;
  if (!audit.healthy) {
    return failure("audit log", fmt::format("{} cannot be written: every new connection is denied", audit.path),
                   "make room on its disk, or give its folder back to enforcerd's user");
  }
  if (audit.write_errors == 0) return well("audit log", fmt::format("{}, {} records", audit.path, audit.events));
  return warning("audit log", fmt::format("{} is written again, after {} errors", audit.path, audit.write_errors),
                 "the log of enforcerd says what failed; connections were denied meanwhile");
}

Check check_policies(const control::Status& status) {
  const auto& reload = status.last_reload;
  if (status.generation == 0) {
    return failure("policies", "none was ever loaded: everything is denied: " + reload.error,
                   "'enforcerctl policy check' shows what is wrong; then 'enforcerctl reload'");
  }
  if (reload.successful) return well("policies", fmt::format("generation {}", status.generation));
  return warning("policies",
                 fmt::format("generation {} stays in force: the reload at {} failed: {}", status.generation,
                             control::format_time(reload.time), reload.error),
                 "'enforcerctl policy check' shows what is wrong; then 'enforcerctl reload'");
}

Check check_kernel(std::string_view release) {
  int major = 0;
  int minor = 0;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  const bool dotted = first.ec == std::errc{} && first.ptr != end && *first.ptr == '.';
  const bool read = dotted && std::from_chars(first.ptr + 1, end, minor).ec == std::errc{};
  if (!read) return warning("kernel", fmt::format("{} is no version", release), "6.1 or later is needed");
  const bool enough = major > kLeastMajor || (major == kLeastMajor && minor >= kLeastMinor);
  if (enough) return well("kernel", std::string(release));
  return failure("kernel", fmt::format("{} is too old", release), "boot Linux 6.1 or later");
}

Check check_bpffs(const std::string& mount_point) {
  if (is_bpffs(mount_point)) return well("bpffs", "mounted at " + mount_point);
  Check check = warning("bpffs", "not mounted at " + mount_point,
                        "enforcer-hostd mounts it when it starts; if it cannot: mount -t bpf bpf " + mount_point);
  check.mends.push_back(
      {.what = "mount it at " + mount_point, .act = [mount_point] { return mount_bpffs(mount_point); }});
  return check;
}

Check check_kvm(const std::string& device, config::Accelerator wanted, std::string_view in_use) {
  constexpr std::string_view kEmulated = "guests are emulated (TCG), many times slower";
  if (wanted == config::Accelerator::kTcg) return well("KVM", "not used: the configuration says tcg");
  if (in_use == "kvm") return well("KVM", "guests run under it");
  if (access(device.c_str(), F_OK) != 0) {
    const std::string found = fmt::format("no {}", device);
    const std::string_view advice = "load kvm_intel or kvm_amd; inside a virtual machine: allow nested virtualisation";
    if (wanted == config::Accelerator::kKvm) return failure("KVM", found + ", and accelerator: kvm is wanted", advice);
    return warning("KVM", fmt::format("{}: {}", found, kEmulated), advice);
  }
  if (in_use == "tcg") {
    return warning("KVM", fmt::format("{} is there, but no guest came up under it: {}", device, kEmulated),
                   "the log of enforcer-hostd says how it failed; it tries again after a boot of this host");
  }
  const Fd kvm(open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) {
    if (errno == EACCES || errno == EPERM) {
      return warning("KVM", fmt::format("{} is there, and not for this user", device), kAsRoot);
    }
    return warning("KVM", fmt::format("{}: {}: {}", device, std::strerror(errno), kEmulated), "see dmesg");
  }
  if (ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
    return warning("KVM", fmt::format("{} is none: {}", device, kEmulated), "see dmesg");
  }
  return well("KVM", fmt::format("{} answers; the first guest proves it", device));
}

Check check_images(const std::vector<std::string>& roots) {
  std::map<std::string, FoundImage> found;  // by name: of two the first is what guests get
  std::vector<std::string> unread;
  std::vector<std::string> missing;
  for (const std::string& root : roots) {
    std::error_code error;
    auto below = images_in({root});
    if (!below || !fs::exists(root, error)) {
      (below && !error ? missing : unread).push_back(root);
      continue;
    }
    for (FoundImage& image : *below) found.try_emplace(image.name, std::move(image));
  }
  std::vector<std::string> images;
  std::vector<std::string> broken;
  for (const auto& [name, image] : found) {
    if (image.description) images.push_back(name);
    // A folder without a description is something else.
    else if (image.description.error().code != Errc::kNotFound)
      broken.push_back(image.description.error().message);
  }
  if (!broken.empty()) {
    return warning("images", fmt::format("{}", fmt::join(broken, "; ")),
                   "no guest starts from it: build it again with 'enforcerctl image build', or remove its folder");
  }
  if (!images.empty()) return well("images", fmt::format("{}", fmt::join(images, ", ")));
  if (!unread.empty()) return warning("images", fmt::format("{} cannot be read", fmt::join(unread, ", ")), kAsRoot);
  if (!missing.empty()) {
    return warning("images", fmt::format("no folder: {}", fmt::join(missing, ", ")),
                   "'enforcerctl image build mini' makes it, and an image in it; a microVM needs an image");
  }
  return warning("images", fmt::format("none below {}", fmt::join(roots, ", ")),
                 "'enforcerctl image build mini' makes one; a microVM needs an image");
}

Check check_workspaces(const std::vector<std::string>& roots) {
  std::vector<std::string> missing;
  for (const std::string& root : roots) {
    std::error_code ignored;
    if (!fs::is_directory(root, ignored)) missing.push_back(root);
  }
  if (missing.empty()) return well("workspaces", fmt::format("{}", fmt::join(roots, ", ")));
  return warning("workspaces", fmt::format("no folder: {}", fmt::join(missing, ", ")),
                 "make it, or take it out of workspaces.roots; nothing below it can be given to a guest");
}

ClockState clock_state() {
  timex asked{};
  return adjtimex(&asked) == TIME_ERROR ? ClockState::kUnsynchronised : ClockState::kSynchronised;
}

Check check_clock(WallClock::time_point now, ClockState state) {
  const std::string text = control::format_time(now);
  if (now < WallClock::from_time_t(kNotBefore)) {
    return failure("clock", text + " is in the past: certificates of origins are not valid yet",
                   "set the clock; records and certificates carry it");
  }
  if (state == ClockState::kSynchronised) return well("clock", text);
  return warning("clock", text + ", and nobody keeps it right", "timedatectl set-ntp true, or run chrony");
}

Check check_space(std::string what, const std::string& folder, std::uint64_t enough) {
  struct statvfs disk{};
  if (statvfs(folder.c_str(), &disk) != 0) {
    const int error = errno;
    const bool hidden = error == EACCES;
    return warning(std::move(what), fmt::format("{}: {}", folder, std::strerror(error)),
                   hidden ? kAsRoot : "systemd-tmpfiles --create makes it, and so does the daemon when it starts");
  }
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  std::string found = fmt::format("{}: {} MiB free", folder, free / kMib);
  if (free < kNoSpace)
    return failure(std::move(what), std::move(found), "make room: without it connections are denied");
  if (free < enough) {
    return warning(std::move(what), std::move(found), fmt::format("make room: {} MiB are wanted", enough / kMib));
  }
  return well(std::move(what), std::move(found));
}

Check check_groups(const control::RoleGroups& groups) {
  std::vector<std::string> missing;
  if (!groups.viewer) missing.emplace_back("enforcer-viewer");
  if (!groups.reviewer) missing.emplace_back("enforcer-reviewer");
  if (!groups.admin) missing.emplace_back("enforcer-admin");
  if (missing.empty()) return well("groups", "enforcer-viewer, enforcer-reviewer, enforcer-admin");
  Check check = warning("groups", fmt::format("missing: {}: only root has what they may", fmt::join(missing, ", ")),
                        "systemd-sysusers, then restart enforcerd");
  for (const std::string& group : missing) {
    check.mends.push_back({.what = fmt::format("make {}, which enforcerd knows when it is started again", group),
                           .act = [group] { return make_group(group); }});
  }
  return check;
}

}  // namespace enforcer::ctl
