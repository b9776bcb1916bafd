#include "config/kept_folders.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fd.h"

namespace enforcer::config {
namespace {

constexpr mode_t kModeBits = 07777;

std::string folder_around(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

Result<> require_expected(const KeptFolder& folder, const struct stat& status) {
  if (folder.found == KeptFolder::Found::kAnybodys || status.st_uid == folder.uid) return {};
  return fail(Errc::kConflict, fmt::format("{} belongs to uid {} and must be root's: see who made it, and remove it",
                                           folder.path, status.st_uid));
}

}  // namespace

std::vector<KeptFolder> kept_folders(const Paths& paths, gid_t enforcerd) {
  using enum KeptFolder::Found;
  return {{.path = folder_around(paths.run_dir()), .mode = 0755},
          {.path = paths.run_dir(), .gid = enforcerd, .mode = 01775},  // others pass through to enforcerd.sock
          {.path = paths.run_dir() + "/guests", .mode = 0700, .found = kRoots},
          {.path = folder_around(paths.state_dir()), .mode = 0755},
          {.path = paths.state_dir(), .gid = enforcerd, .mode = 01770},
          {.path = paths.scratch_dir(), .mode = 0700, .found = kRoots},
          {.path = paths.hostd_state_dir(), .mode = 0700, .found = kRoots}};
}

/// All by descriptor: between two steps by path enforcerd could put a symbolic link there, and have anything on the
/// host given to its group. The path before the last component is root's alone.
Result<> make_or_correct(const KeptFolder& folder) {
  const std::string& path = folder.path;
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", path));
  const Fd opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.valid() && (errno == ENOTDIR || errno == ELOOP)) {
    return fail(Errc::kConflict, fmt::format("{} is not a folder", path));
  }
  struct stat status{};
  if (!opened.valid() || fstat(opened.get(), &status) != 0) return fail_errno(path);
  TRY_VOID(require_expected(folder, status));
  if (fchown(opened.get(), folder.uid, folder.gid) != 0 || fchmod(opened.get(), folder.mode) != 0) {
    return fail_errno(fmt::format("cannot set the owner and mode of {}", path));
  }
  return {};
}

Result<std::string> what_is_wrong(const KeptFolder& folder) {
  struct stat status{};
  if (lstat(folder.path.c_str(), &status) != 0) {
    if (errno == ENOENT) return "is not there";
    auto failed = fail_errno(folder.path);
    if (errno == EACCES) failed.error().code = Errc::kDenied;
    return failed;
  }
  if (!S_ISDIR(status.st_mode)) return fail(Errc::kConflict, fmt::format("{} is not a folder", folder.path));
  TRY_VOID(require_expected(folder, status));
  std::vector<std::string> wrong;
  if (status.st_uid != folder.uid) wrong.push_back(fmt::format("uid {}, not {}", status.st_uid, folder.uid));
  if (status.st_gid != folder.gid) wrong.push_back(fmt::format("gid {}, not {}", status.st_gid, folder.gid));
  const mode_t mode = status.st_mode & kModeBits;
  if (mode != folder.mode) wrong.push_back(fmt::format("mode {:04o}, not {:04o}", mode, folder.mode));
  return fmt::format("{}", fmt::join(wrong, ", "));
}

}  // namespace enforcer::config
