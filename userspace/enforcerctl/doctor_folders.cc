#include "enforcerctl/doctor_folders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "audit/head.h"
#include "config/kept_folders.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLookAsRoot = "run 'enforcerctl doctor' as root to have it looked at";
/// As the service has it (LogsDirectoryMode), and as narrow as an enforcerd without one needs it.
constexpr mode_t kAuditFolderMode = 0750;

/// Nobody but root and the group `gid` can have put anything there.
bool only_root_and_group_write(const std::string& folder, gid_t gid) {
  struct stat status{};
  return lstat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == 0 &&
         (status.st_mode & S_IWOTH) == 0 && (status.st_gid == gid || (status.st_mode & S_IWGRP) == 0);
}

Check unknown_account(std::string name) {
  return {.name = std::move(name),
          .verdict = Verdict::kWarn,
          .found =
              "no enforcerd shows whom it runs as, and it is not known to be the user enforcer: there is none, or "
              "the folders of this instance have another group",
          .advice = "start enforcer-hostd and enforcerd, and look again; systemd-sysusers makes the user"};
}

/// A folder that another group has is of an enforcerd that runs as somebody else.
bool is_anothers(const std::string& folder, gid_t gid) {
  struct stat status{};
  return lstat(folder.c_str(), &status) == 0 && status.st_gid != gid;
}

/// What was seen when it was looked at may have changed since: what is given away is looked at now.
Result<> correct_on_roots_way(const config::KeptFolder& folder, std::optional<gid_t> sharing) {
  TRY_VOID(config::require_roots_way(folder.path, sharing));
  return config::make_or_correct(folder);
}

/// "audit.jsonl", "audit.jsonl.1", "audit.jsonl.head": nobody else's.
bool holds_only(const std::string& folder, const std::string& log) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    const std::string name = at->path().filename();
    if (name != log && !name.starts_with(log + ".")) return false;
  }
  return !failed;
}

/// The log and its head file, in a folder that is well: enforcerd cannot go on with those of somebody else.
Check check_audit_files(Check check, const std::string& path, uid_t enforcerd) {
  for (const std::string& file : {path, audit::head_file_name(path)}) {
    struct stat status{};
    if (lstat(file.c_str(), &status) == 0) {
      if (S_ISREG(status.st_mode) && status.st_uid == enforcerd) continue;
      check.found = S_ISREG(status.st_mode)
                        ? fmt::format("{} belongs to uid {}, and enforcerd is uid {}", file, status.st_uid, enforcerd)
                        : fmt::format("{} is no regular file", file);
      check.advice =
          "see who put it there, and give it to enforcerd's user or move it away: enforcerd needs it to start";
      return check;
    }
    if (errno == ENOENT) continue;  // enforcerd makes it
    check.found = fmt::format("{}: {}", file, std::strerror(errno));
    check.advice = kLookAsRoot;
    return check;
  }
  return {.name = check.name, .found = fmt::format("{} is enforcerd's", fs::path(path).parent_path().string())};
}

/// Steps that could not be taken are none: the outermost folders are where nobody but root can move them.
Result<> require_ways(const config::Paths& paths) {
  for (const std::string& folder : {paths.run_dir(), paths.state_dir()}) {
    TRY_VOID(config::require_roots_way(fs::path(folder).parent_path(), std::nullopt));
  }
  return {};
}

}  // namespace

std::optional<Account> account_of_enforcerd(const config::Paths& paths, const char* fallback) {
  struct stat status{};
  const bool there = lstat(paths.control_socket().c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  if (there && status.st_uid != 0 && only_root_and_group_write(paths.run_dir(), status.st_gid)) {
    return Account{.uid = status.st_uid, .gid = status.st_gid};
  }
  const passwd* user = getpwnam(fallback);
  if (user == nullptr || user->pw_uid == 0) return std::nullopt;
  if (is_anothers(paths.run_dir(), user->pw_gid) || is_anothers(paths.state_dir(), user->pw_gid)) return std::nullopt;
  return Account{.uid = user->pw_uid, .gid = user->pw_gid};
}

Check check_folders(const config::Paths& paths, const std::optional<Account>& enforcerd) {
  if (!enforcerd) return unknown_account("folders");
  Check check{.name = "folders"};
  std::vector<std::string> wrong;
  std::vector<std::string> unseen;
  for (const config::KeptFolder& folder : config::kept_folders(paths, enforcerd->gid)) {
    const auto difference = config::what_is_wrong(folder);
    if (difference && difference->empty()) continue;
    if (!difference && difference.error().code == Errc::kDenied) {
      unseen.push_back(folder.path);
    } else if (!difference) {
      wrong.push_back(difference.error().message);
    } else {
      wrong.push_back(fmt::format("{}: {}", folder.path, *difference));
      check.mends.push_back({.what = fmt::format("make {} as enforcer-hostd makes it", folder.path),
                             .act = [folder, gid = enforcerd->gid] { return correct_on_roots_way(folder, gid); }});
    }
  }
  if (const auto ways = require_ways(paths); !ways && !check.mends.empty()) {
    wrong.push_back(ways.error().message);
    check.mends.clear();
  }
  if (!wrong.empty()) {
    check.verdict = Verdict::kWarn;
    check.found = fmt::format("{}", fmt::join(wrong, "; "));
    check.advice = check.mends.empty()
                       ? "see who made it so, and put it right by hand"
                       : "'enforcerctl doctor --fix' corrects folders, and so does enforcer-hostd when it starts";
    return check;
  }
  if (!unseen.empty()) {
    check.verdict = Verdict::kWarn;
    check.found = fmt::format("{}: not for this user", fmt::join(unseen, ", "));
    check.advice = kLookAsRoot;
    return check;
  }
  check.found = fmt::format("{} and {} are as they should be", paths.run_dir(), paths.state_dir());
  return check;
}

Check check_audit_folder(const std::string& path, const std::string& answered,
                         const std::optional<Account>& enforcerd) {
  if (!answered.empty() && answered != path) {
    return {.name = "audit folder",
            .verdict = Verdict::kWarn,
            .found = fmt::format("the configuration has the log at {}, and enforcerd says {}", path, answered),
            .advice = "restart enforcerd if the configuration was changed, or name its own with --config"};
  }
  if (!enforcerd) return unknown_account("audit folder");
  const std::string folder = fs::path(path).parent_path();
  Check check{.name = "audit folder", .verdict = Verdict::kWarn};
  check.advice = "make it, or give it to enforcerd's user: without it connections are denied";
  struct stat status{};
  const bool there = lstat(folder.c_str(), &status) == 0;
  if (const int error = errno; !there && error != ENOENT) {
    check.found = fmt::format("{}: {}", folder, std::strerror(error));
    if (error == EACCES) check.advice = kLookAsRoot;
    return check;
  }
  const bool its = there && S_ISDIR(status.st_mode) && status.st_uid == enforcerd->uid;
  if (its && (status.st_mode & (S_IRWXU | S_IWGRP | S_IWOTH)) == S_IRWXU) {
    return check_audit_files(std::move(check), path, enforcerd->uid);
  }
  check.found = there ? fmt::format("{} belongs to uid {} with mode {:04o}, and enforcerd is uid {}", folder,
                                    status.st_uid, status.st_mode & 07777, enforcerd->uid)
                      : fmt::format("{} is not there", folder);
  if (its) check.advice = fmt::format("chmod {:04o} {}: only enforcerd's user writes there", kAuditFolderMode, folder);
  if (there && (!its || !holds_only(folder, fs::path(path).filename()))) return check;
  if (!config::require_roots_way(folder, std::nullopt)) return check;
  const config::KeptFolder kept{.path = folder,
                                .uid = enforcerd->uid,
                                .gid = there ? status.st_gid : enforcerd->gid,  // a reader of logs may be in it
                                .mode = kAuditFolderMode,
                                .found = config::KeptFolder::Found::kOwners};
  check.mends.push_back({.what = fmt::format("make {} enforcerd's", folder),
                         .act = [kept] { return correct_on_roots_way(kept, std::nullopt); }});
  return check;
}

}  // namespace enforcer::ctl
