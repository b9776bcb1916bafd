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
  return fail(Errc::kConflict, fmt::format("{} belongs to uid {} and must be uid {}'s: see who made it, and remove it",
                                           folder.path, status.st_uid, folder.uid));
}

bool only_root_changes(const struct stat& status, std::optional<gid_t> sharing) {
  const bool shared = status.st_gid == sharing && (status.st_mode & S_ISVTX) != 0;
  return status.st_uid == 0 && (status.st_mode & S_IWOTH) == 0 && (shared || (status.st_mode & S_IWGRP) == 0);
}

}  // namespace

std::vector<KeptFolder> kept_folders(const Paths& paths, gid_t enforcerd) {
  using enum KeptFolder::Found;
  return {{.path = folder_around(paths.run_dir()), .mode = 0755},
          {.path = paths.run_dir(), .gid = enforcerd, .mode = 01775},  // others pass through to enforcerd.sock
          {.path = paths.run_dir() + "/guests", .mode = 0700, .found = kOwners},
          {.path = folder_around(paths.state_dir()), .mode = 0755},
          {.path = paths.state_dir(), .gid = enforcerd, .mode = 01770},
          {.path = paths.scratch_dir(), .mode = 0700, .found = kOwners},
          {.path = paths.hostd_state_dir(), .mode = 0700, .found = kOwners}};
}

/// Step by step: a link that is followed would be judged by what it leads to.
Result<> require_roots_way(const std::string& path, std::optional<gid_t> sharing) {
  if (!path.starts_with('/')) return fail(Errc::kConflict, fmt::format("{} is no absolute path", path));
  std::filesystem::path seen;
  Fd at;
  for (const auto& name : std::filesystem::path(path).parent_path()) {
    if (name == "..") return fail(Errc::kConflict, fmt::format("{} has a '..' in it", path));
    seen /= name;
    constexpr int kFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    at = Fd(openat(at.valid() ? at.get() : AT_FDCWD, name.c_str(), kFlags));
    if (!at.valid() && errno == ENOTDIR) {
      return fail(Errc::kConflict, fmt::format("{}, on the way to {}, is no folder", seen.string(), path));
    }
    struct stat status{};
    if (!at.valid() || fstat(at.get(), &status) != 0) return fail_errno(seen.string());
    if (!only_root_changes(status, sharing)) {
      return fail(Errc::kConflict,
                  fmt::format("others than root can change {}, on the way to {}", seen.string(), path));
    }
  }
  return {};
}

/// All by descriptor: between two steps by path enforcerd could put a symbolic link there, and have anything on the
/// host given to its group. The path before the last component is root's alone.
Result<> make_or_correct(const KeptFolder& folder) {
  const std::string& path = folder.path;
  const bool made = mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", path));
  const Fd opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.valid() && (errno == ENOTDIR || errno == ELOOP)) {
    return fail(Errc::kConflict, fmt::format("{} is not a folder", path));
  }
  struct stat status{};
  if (!opened.valid() || fstat(opened.get(), &status) != 0) return fail_errno(path);
  // Root's own is the one just made, which nobody can have taken away: the folder around it is sticky, or root's alone.
  if (!made || status.st_uid != 0) TRY_VOID(require_expected(folder, status));
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
