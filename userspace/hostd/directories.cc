#include "hostd/directories.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "base/peer.h"

namespace enforcer::hostd {
namespace {

std::optional<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), id);
  // The highest number stands for "no change" in chown(2).
  if (text.empty() || status != std::errc{} || end != text.data() + text.size() || id == 0xffffffff)
    return std::nullopt;
  return id;
}

/// What a folder that is there already may be.
enum class Found {
  kAnybodys,  ///< root alone writes the folder around it: whoever it belongs to, it is corrected
  kRoots,     ///< enforcerd may have put it there: only one of root's is taken
};

/// All by descriptor: between two steps by path enforcerd could put a symbolic link there, and have anything on the
/// host given to its group. The path before the last component is root's alone.
Result<> make_directory(const std::string& path, gid_t group, mode_t mode, Found found) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", path));
  const Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid() && (errno == ENOTDIR || errno == ELOOP)) {
    return fail(Errc::kConflict, fmt::format("{} is not a folder", path));
  }
  struct stat status{};
  if (!folder.valid() || fstat(folder.get(), &status) != 0) return fail_errno(path);
  if (found == Found::kRoots && status.st_uid != 0) {
    return fail(Errc::kConflict, fmt::format("{} belongs to uid {} and must be root's: see who made it, and remove it",
                                             path, status.st_uid));
  }
  if (fchown(folder.get(), 0, group) != 0 || fchmod(folder.get(), mode) != 0) {
    return fail_errno(fmt::format("cannot set the owner and mode of {}", path));
  }
  return {};
}

std::string parent(const std::string& path) {
  return std::filesystem::path(path).parent_path();
}

}  // namespace

Result<Owner> parse_owner(const std::string& text) {
  Owner owner;
  const auto colon = text.find(':');
  const auto uid = parse_id(text.substr(0, colon));
  const passwd* user = uid ? getpwuid(*uid) : getpwnam(text.c_str());
  if (uid) {
    owner = {.uid = *uid, .gid = user != nullptr ? user->pw_gid : *uid};
  } else if (user != nullptr) {
    owner = {.uid = user->pw_uid, .gid = user->pw_gid};
  } else {
    return fail(Errc::kInvalid, fmt::format("there is no user '{}' for enforcerd: create it, or name another with "
                                            "--enforcerd-user",
                                            text));
  }
  if (colon != std::string::npos) {
    const auto gid = parse_id(text.substr(colon + 1));
    if (!uid || !gid) return fail(Errc::kInvalid, fmt::format("'{}' is not UID:GID", text));
    owner.gid = *gid;
  }
  if (owner.uid == 0) return fail(Errc::kInvalid, "enforcerd must not run as root");
  return owner;
}

std::optional<gid_t> parse_group(const std::string& text) {
  const auto gid = parse_id(text);
  return gid ? std::optional<gid_t>(*gid) : group_named(text.c_str());
}

Result<> make_directories(const config::Paths& paths, const Owner& enforcerd) {
  TRY_VOID(make_directory(parent(paths.run_dir()), 0, 0755, Found::kAnybodys));
  TRY_VOID(make_directory(paths.run_dir(), enforcerd.gid, 01775,
                          Found::kAnybodys));  // others pass through to enforcerd.sock
  TRY_VOID(make_directory(paths.run_dir() + "/guests", 0, 0700, Found::kRoots));
  TRY_VOID(make_directory(parent(paths.state_dir()), 0, 0755, Found::kAnybodys));
  TRY_VOID(make_directory(paths.state_dir(), enforcerd.gid, 01770, Found::kAnybodys));
  TRY_VOID(make_directory(paths.scratch_dir(), 0, 0700, Found::kRoots));
  return make_directory(paths.hostd_state_dir(), 0, 0700, Found::kRoots);
}

}  // namespace enforcer::hostd
