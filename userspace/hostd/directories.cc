#include "hostd/directories.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

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

Result<> make_directory(const std::string& path, gid_t group, mode_t mode) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(fmt::format("cannot make {}", path));
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return fail_errno(path);
  if (!S_ISDIR(status.st_mode)) return fail(Errc::kConflict, fmt::format("{} is not a folder", path));
  if (chown(path.c_str(), 0, group) != 0 || chmod(path.c_str(), mode) != 0) {
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

Result<> make_directories(const config::Paths& paths, const Owner& enforcerd) {
  TRY_VOID(make_directory(parent(paths.run_dir()), 0, 0755));
  TRY_VOID(make_directory(paths.run_dir(), enforcerd.gid, 01775));  // others pass through to enforcerd.sock
  TRY_VOID(make_directory(paths.run_dir() + "/guests", 0, 0700));
  TRY_VOID(make_directory(parent(paths.state_dir()), 0, 0755));
  TRY_VOID(make_directory(paths.state_dir(), enforcerd.gid, 01770));
  return make_directory(paths.hostd_state_dir(), 0, 0700);
}

}  // namespace enforcer::hostd
