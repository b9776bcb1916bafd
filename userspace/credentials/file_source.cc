#include "credentials/file_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace enforcer::credentials {
namespace {

/// Longer than a tick of any file system's clock.
constexpr std::chrono::seconds kSettled{2};

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size && same_time(a.st_mtim, b.st_mtim) &&
         same_time(a.st_ctim, b.st_ctim);
}

bool has_settled(const struct stat& file) {
  // Not Monotonic: the kernel stamps files by the wall clock. A clock that was set back makes a file unsettled, which
  // costs a read.
  const auto changed = WallClock::time_point(std::chrono::seconds(file.st_ctim.tv_sec));
  return WallClock::now() - changed > kSettled + std::chrono::seconds(1);
}

Result<Fd> open_file(const std::string& path) {
  // Non-blocking: a FIFO must be found out, not waited for.
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (file.valid()) return file;
  if (errno == ENOENT) return fail(Errc::kNotFound, fmt::format("{}: no such file", path));
  if (errno == ELOOP) return fail(Errc::kInvalid, fmt::format("{}: is a symbolic link: name the file itself", path));
  if (errno == EACCES) {
    return fail(Errc::kDenied, fmt::format("{}: not readable for uid {} of enforcerd: give its group the file and "
                                           "chmod 0640 it",
                                           path, geteuid()));
  }
  return fail_errno(path);
}

Result<struct stat> examine(const Fd& file, const std::string& path) {
  struct stat seen{};
  if (fstat(file.get(), &seen) != 0) return fail_errno(path);
  if (!S_ISREG(seen.st_mode)) return fail(Errc::kInvalid, fmt::format("{}: not a regular file", path));
  const unsigned mode = seen.st_mode & 07777U;
  if ((mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    return fail(Errc::kInvalid, fmt::format("{}: {} (mode {:04o}): chmod 0640 it, or 0600", path,
                                            (mode & S_IROTH) != 0   ? "everybody can read it"
                                            : (mode & S_IWOTH) != 0 ? "everybody can write it"
                                                                    : "its group can write it",
                                            mode));
  }
  return seen;
}

Result<Value> read_value(const Fd& file, const std::string& path) {
  LockedBuffer buffer = TRY(LockedBuffer::make(kMaxRaw));
  std::size_t size = 0;
  while (size < kMaxRaw) {
    const ssize_t count = read(file.get(), buffer.bytes().data() + size, kMaxRaw - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  auto value = value_of({buffer.bytes().data(), size});
  if (!value) return fail_in(path, value.error());
  return value;
}

}  // namespace

boost::asio::awaitable<Result<Value>> FileSource::read(const policy::CredentialSpec& spec, Deadline) {
  co_return read_file(spec.name, spec.source.path);
}

std::optional<Result<Value>> FileSource::look(const policy::CredentialSpec& spec) {
  return read_file(spec.name, spec.source.path);
}

void FileSource::forget(std::string_view name) {
  if (const auto found = kept_.find(name); found != kept_.end()) kept_.erase(found);
}

/// A change of who may read it, or of its name, shows in ctime, too.
bool FileSource::Kept::still_says(const std::string& asked) const {
  if (!settled || path != asked) return false;
  struct statx now{};
  // Of a network file system the server is asked, as open(2) would.
  constexpr int kHow = AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC;
  if (statx(AT_FDCWD, path.c_str(), kHow, STATX_BASIC_STATS, &now) != 0) return false;
  const auto same = [](const statx_timestamp& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  return makedev(now.stx_dev_major, now.stx_dev_minor) == seen.st_dev && now.stx_ino == seen.st_ino &&
         now.stx_mode == seen.st_mode && now.stx_uid == seen.st_uid && now.stx_gid == seen.st_gid &&
         now.stx_size == static_cast<std::uint64_t>(seen.st_size) && same(now.stx_mtime, seen.st_mtim) &&
         same(now.stx_ctime, seen.st_ctim);
}

Result<Value> FileSource::read_file(std::string_view name, const std::string& path) {
  const auto found = kept_.find(name);
  if (found != kept_.end() && found->second.still_says(path)) return found->second.value;
  auto file = open_file(path);
  auto seen = file ? examine(*file, path) : std::unexpected(file.error());
  forget(name);  // whatever comes now, the old value is no longer what the file says
  if (!seen) return std::unexpected(seen.error());
  Value value = TRY(read_value(*file, path));
  struct stat after{};
  if (fstat(file->get(), &after) != 0) return fail_errno(path);
  if (!same_file(*seen, after)) {
    return fail(Errc::kUnavailable, fmt::format("{}: changed while it was read: write a new file and rename it", path));
  }
  kept_.insert_or_assign(std::string(name), Kept{path, *seen, has_settled(*seen), value});
  return value;
}

}  // namespace enforcer::credentials
