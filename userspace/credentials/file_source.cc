#include "credentials/file_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include "credentials/private_file.h"

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

Result<Value> read_value(const PrivateFile& file, const std::string& path, const FileSource::Reading& reading) {
  LockedBuffer buffer = TRY(LockedBuffer::make(FileSource::kMaxContent));
  const std::size_t size = TRY(read_private_file(file, buffer.bytes(), path));
  auto value = reading({buffer.bytes().data(), size});
  if (!value) return fail_in(path, value.error());
  return value;
}

}  // namespace

boost::asio::awaitable<Result<Value>> FileSource::read(const policy::CredentialSpec& spec, Deadline) {
  co_return *look(spec);
}

std::optional<Result<Value>> FileSource::look(const policy::CredentialSpec& spec) {
  const Shape shape = spec.source_shape();
  return read_file(spec.name, spec.source.path, shape,
                   [shape](std::string_view content) { return value_of(content, shape, WallClock::now()); });
}

void FileSource::forget(std::string_view name) {
  if (const auto found = kept_.find(name); found != kept_.end()) kept_.erase(found);
}

/// A change of who may read it, or of its name, shows in ctime, too.
bool FileSource::Kept::still_says(const std::string& asked, Shape wanted) const {
  if (!settled || path != asked || shape != wanted) return false;
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

Result<Value> FileSource::read_file(std::string_view name, const std::string& path, Shape shape,
                                    const Reading& reading) {
  const auto found = kept_.find(name);
  if (found != kept_.end() && found->second.still_says(path, shape)) return found->second.value;
  auto opened = open_private_file(path);
  forget(name);  // whatever comes now, the old value is no longer what the file says
  if (!opened) return std::unexpected(opened.error());
  Value value = TRY(read_value(*opened, path, reading));
  struct stat after{};
  if (fstat(opened->file.get(), &after) != 0) return fail_errno(path);
  if (!same_file(opened->seen, after)) {
    return fail(Errc::kUnavailable, fmt::format("{}: changed while it was read: write a new file and rename it", path));
  }
  kept_.insert_or_assign(std::string(name), Kept{path, shape, opened->seen, has_settled(opened->seen), value});
  return value;
}

}  // namespace enforcer::credentials
