#include "host/scratch_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace enforcer::host {
namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr const char* kName = "disk.new";

Result<std::uint64_t> free_mib(int folder, const std::string& path) {
  struct statvfs status{};
  if (::fstatvfs(folder, &status) != 0) return fail_errno(path);
  return status.f_bavail * status.f_frsize / kMebibyte;
}

std::unexpected<Error> no_disk(const std::string& folder, std::uint32_t size_mib) {
  const Errc code = errno == ENOSPC || errno == EDQUOT ? Errc::kUnavailable : Errc::kIo;
  return fail(code, fmt::format("{}: cannot make a disk of {} MiB: {}", folder, size_mib, std::strerror(errno)));
}

}  // namespace

Result<Fd> make_scratch_disk(const std::string& path, std::uint32_t size_mib, std::uint64_t promised_mib) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(path);
  const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return fail_errno(path);
  if (::fchown(folder.get(), ::geteuid(), ::getegid()) != 0 || ::fchmod(folder.get(), 0700) != 0)
    return fail_errno(path);

  const std::uint64_t room = TRY(free_mib(folder.get(), path));
  if (promised_mib + size_mib + kScratchReserveMib > room) {
    return fail(Errc::kUnavailable,
                fmt::format("no space for a guest's disk of {} MiB: {} has {} MiB free, of which {} MiB are for guests "
                            "that run and {} MiB stay the host's: a smaller one may do (--disk)",
                            size_mib, path, room, promised_mib, kScratchReserveMib));
  }

  // One at a time has a name, and for a moment; what a hostd that was killed in that moment left goes here. Not
  // O_TMPFILE: not every file system has it.
  ::unlinkat(folder.get(), kName, 0);
  Fd disk(::openat(folder.get(), kName, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!disk.valid()) return no_disk(path, size_mib);
  if (::unlinkat(folder.get(), kName, 0) != 0 || ::ftruncate(disk.get(), static_cast<off_t>(size_mib * kMebibyte)) != 0)
    return no_disk(path, size_mib);
  return disk;
}

}  // namespace enforcer::host
