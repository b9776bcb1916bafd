#include "host/workspace.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace enforcer::host {
namespace {

/// Setting the id of nobody changes nothing and says what it is.
constexpr uid_t kNobodys = static_cast<uid_t>(-1);

/// For access to files the thread is that account until the end of the scope: with the kernel's own rule a file system
/// uid other than 0 also has none of root's rights over files. Not to come back from it would be root's files made with
/// the wrong owner, or a check that passes for the wrong one: that aborts.
class ActingAs {
 public:
  static Result<ActingAs> begin(const Account& account) {
    const int count = ::getgroups(0, nullptr);
    if (count < 0) return fail_errno("getgroups");
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    if (::getgroups(count, groups.data()) != count) return fail_errno("getgroups");
    if (::setgroups(0, nullptr) != 0) return fail_errno("setgroups");
    ActingAs acting(std::move(groups));
    // They return what was before, also when they change nothing.
    ::setfsgid(account.gid);
    ::setfsuid(account.uid);
    if (static_cast<gid_t>(::setfsgid(kNobodys)) != account.gid ||
        static_cast<uid_t>(::setfsuid(kNobodys)) != account.uid) {
      return fail(Errc::kIo, fmt::format("cannot act as uid {}", account.uid));
    }
    return acting;
  }

  ActingAs(ActingAs&& other) noexcept : groups_(std::exchange(other.groups_, std::nullopt)) {}
  ActingAs& operator=(ActingAs&&) = delete;
  ~ActingAs() {
    if (!groups_) return;
    ::setfsuid(::geteuid());
    ::setfsgid(::getegid());
    ENFORCER_CHECK(static_cast<uid_t>(::setfsuid(kNobodys)) == ::geteuid());
    ENFORCER_CHECK(static_cast<gid_t>(::setfsgid(kNobodys)) == ::getegid());
    ENFORCER_CHECK(::setgroups(groups_->size(), groups_->data()) == 0);
  }

 private:
  explicit ActingAs(std::vector<gid_t> groups) : groups_(std::move(groups)) {}
  std::optional<std::vector<gid_t>> groups_;  ///< none: moved from
};

bool lies_below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && path.size() > root.size() && path[root.size()] == '/';
}

/// The folder at an absolute path in which no component is a symbolic link; none with errno, ELOOP for a link. Step by
/// step: openat2(2) is not there under a service manager that restricts setuid files (systemd's RestrictSUIDSGID=).
Fd walk(std::string_view path) {
  Fd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  path.remove_prefix(1);
  while (at.valid() && !path.empty()) {
    const std::string name(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    Fd next(::openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid() && errno == ENOTDIR) {
      struct stat status{};
      const bool link = ::fstatat(at.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
      errno = link ? ELOOP : ENOTDIR;
    }
    at = std::move(next);
  }
  return at;
}

std::unexpected<Error> refused(const std::string& path, const Account& owner) {
  switch (errno) {
    case ELOOP:
      return fail(Errc::kInvalid, fmt::format("workspace {}: there is a symbolic link in the path: give the path "
                                              "that it leads to",
                                              path));
    case ENOTDIR:
      return fail(Errc::kInvalid, fmt::format("workspace {}: is not a folder", path));
    case ENOENT:
      return fail(Errc::kNotFound, fmt::format("workspace {}: does not exist", path));
    case EACCES:
      return fail(Errc::kDenied, fmt::format("workspace {}: uid {} may not reach it", path, owner.uid));
    default:
      return fail_errno(fmt::format("workspace {}", path));
  }
}

Result<> require_access(int folder, const hostproto::Workspace& workspace, const Account& owner) {
  const bool writes = workspace.access == hostproto::Workspace::Access::kReadWrite;
  // The system call itself: with these flags the C library of some would look at the wrong uid.
  const auto may = [&](int mode) {
    return ::syscall(SYS_faccessat2, folder, "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0;
  };
  if (!may(R_OK | X_OK)) {
    return fail(Errc::kDenied, fmt::format("workspace {}: uid {} may not read it", workspace.path, owner.uid));
  }
  struct stat status{};
  if (::fstat(folder, &status) != 0) return fail_errno(fmt::format("workspace {}", workspace.path));
  // Root may write everything here, but what serves the folder has root's rights over root's files only.
  if (writes && owner.uid == 0 && status.st_uid != 0) {
    return fail(Errc::kDenied, fmt::format("workspace {}: belongs to uid {}: run as that user, or share it read-only "
                                           "with {}:ro",
                                           workspace.path, status.st_uid, workspace.path));
  }
  if (writes && !may(W_OK)) {
    return fail(Errc::kDenied, fmt::format("workspace {}: uid {} may not write it ({}): share it read-only with {}:ro",
                                           workspace.path, owner.uid, std::strerror(errno), workspace.path));
  }
  return {};
}

}  // namespace

Result<Fd> open_workspace(const hostproto::Workspace& workspace, const Account& owner,
                          const std::vector<std::string>& roots) {
  const std::string& path = workspace.path;
  TRY_VOID(hostproto::check_workspace_path(path));
  if (std::ranges::none_of(roots, [&](const std::string& root) { return lies_below(path, root); })) {
    return fail(Errc::kDenied, fmt::format("workspace {}: is not below one of [{}], which are workspaces.roots in "
                                           "enforcer.yaml",
                                           path, fmt::join(roots, ", ")));
  }
  const auto acting = TRY(ActingAs::begin(owner));
  Fd walked = walk(path);
  if (!walked.valid()) return refused(path, owner);
  TRY_VOID(require_access(walked.get(), workspace, owner));
  return walked;
}

}  // namespace enforcer::host
