#include "enforcerctl/doctor_mends.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace enforcer::ctl {

std::vector<Mended> mend(const Tool& tool, const std::vector<Check>& checks) {
  std::vector<Mended> all;
  for (const Check& check : checks) {
    for (const Mend& step : check.mends) {
      const Result<> outcome = geteuid() == 0 ? step.act() : fail(Errc::kDenied, "only root may");
      tool.say(fmt::format("{}: {}: {}", check.name, step.what, outcome ? "done" : outcome.error().message));
      all.push_back({.check = check.name, .what = step.what, .outcome = outcome});
    }
  }
  return all;
}

bool is_bpffs(const std::string& mount_point) {
  struct statfs filesystem{};
  return statfs(mount_point.c_str(), &filesystem) == 0 && filesystem.f_type == BPF_FS_MAGIC;
}

/// Once more, at the last moment: a second one on top would hide what enforcer-hostd has pinned in the first.
Result<> mount_bpffs(const std::string& mount_point) {
  if (is_bpffs(mount_point)) return {};
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("bpf", mount_point.c_str(), "bpf", kFlags, "mode=0700") != 0) return fail_errno(mount_point);
  return {};
}

Result<> make_group(const std::string& name) {
  std::array<std::string, 3> words{"/usr/sbin/groupadd", "--system", name};
  std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t child = 0;
  if (const int failed = posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ); failed != 0) {
    return fail(Errc::kUnavailable, fmt::format("{}: {}", words[0], std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kExistsAlready = 9;  // groupadd(8)
  if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == kExistsAlready)) return {};
  return fail(Errc::kIo, fmt::format("{} failed", words[0]));
}

}  // namespace enforcer::ctl
