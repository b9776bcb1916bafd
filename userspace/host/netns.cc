#include "host/netns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

namespace enforcer::host {
namespace {

constexpr const char* kOwnNetns = "/proc/thread-self/ns/net";
constexpr const char* kNamedFolder = "/run/netns";

bool is_nsfs(int fd) {
  struct statfs filesystem{};
  return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC;
}

/// Mounts made below the folder must reach every mount namespace that shares /run, as those of iproute2 do.
Result<> share_named_folder() {
  if (mkdir(kNamedFolder, 0755) != 0 && errno != EEXIST) return fail_errno(kNamedFolder);
  if (mount("", kNamedFolder, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
  if (errno != EINVAL) return fail_errno(fmt::format("cannot share {}", kNamedFolder));
  // Not a mount point yet: make it one first.
  if (mount(kNamedFolder, kNamedFolder, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      mount("", kNamedFolder, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return fail_errno(fmt::format("cannot share {}", kNamedFolder));
  }
  return {};
}

}  // namespace

Result<Netns> Netns::of(Fd fd) {
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return fail_errno("cannot identify a network namespace");
  return Netns(std::move(fd), NetnsId{status.st_dev, status.st_ino});
}

Result<Netns> Netns::current() {
  Fd fd(::open(kOwnNetns, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(kOwnNetns);
  return of(std::move(fd));
}

Result<Netns> Netns::open(const std::string& path) {
  const Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.valid()) {
    if (errno == ENOENT || errno == ESRCH) return fail(Errc::kNotFound, fmt::format("{} does not exist", path));
    return fail_errno(path);
  }
  if (!is_nsfs(place.get())) return fail(Errc::kInvalid, fmt::format("{} is not a network namespace", path));
  Fd fd(::open(fmt::format("/proc/self/fd/{}", place.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path);
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return fail(Errc::kInvalid, fmt::format("{} is a namespace, but not one of the network", path));
  }
  return of(std::move(fd));
}

Result<Netns> Netns::make() {
  const Netns before = TRY(current());
  if (unshare(CLONE_NEWNET) != 0) return fail_errno("cannot make a network namespace");
  auto made = current();
  ENFORCER_CHECK(setns(before.fd(), CLONE_NEWNET) == 0);
  return made;
}

Result<Netns> Netns::open_or_make_named(const std::string& path) {
  if (auto existing = open(path)) return existing;
  TRY_VOID(share_named_folder());
  // A plain file may be left where the mount was; anything else there belongs to somebody else, and mount(2) says so.
  const Fd place(::open(path.c_str(), O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444));
  if (!place.valid()) return fail_errno(path);
  Netns made = TRY(make());
  const std::string source = fmt::format("/proc/self/fd/{}", made.fd());
  if (mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) {
    return fail_errno(fmt::format("cannot mount a network namespace at {}", path));
  }
  return made;
}

Result<> remove_named_netns(const std::string& path) {
  // More than one mount may be stacked there; EINVAL: none is left.
  while (umount2(path.c_str(), MNT_DETACH) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) return fail_errno(path);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  return {};
}

Result<NetnsScope> NetnsScope::enter(const Netns& netns) {
  Fd before(::open(kOwnNetns, O_RDONLY | O_CLOEXEC));
  if (!before.valid()) return fail_errno(kOwnNetns);
  if (setns(netns.fd(), CLONE_NEWNET) != 0) return fail_errno("cannot enter a network namespace");
  return NetnsScope(std::move(before));
}

NetnsScope::~NetnsScope() {
  // Going on in the wrong namespace could put a guest's link into the host's network.
  if (before_.valid()) ENFORCER_CHECK(setns(before_.get(), CLONE_NEWNET) == 0);
}

}  // namespace enforcer::host
