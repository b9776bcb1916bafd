#include "enforcerctl/doctor_folders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

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
          .found = "there is no user enforcer, and no enforcerd that shows whom else it runs as",
          .advice = "systemd-sysusers makes the user"};
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

}  // namespace

std::optional<Account> account_of_enforcerd(const config::Paths& paths, const char* fallback) {
  struct stat status{};
  const bool there = lstat(paths.control_socket().c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  if (there && status.st_uid != 0 && only_root_and_group_write(paths.run_dir(), status.st_gid)) {
    return Account{.uid = status.st_uid, .gid = status.st_gid};
  }
  const passwd* user = getpwnam(fallback);
  if (user == nullptr || user->pw_uid == 0) return std::nullopt;
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
                             .act = [folder] { return config::make_or_correct(folder); }});
    }
  }
  if (!wrong.empty()) {
    check.verdict = Verdict::kWarn;
    check.found = fmt::format("{}", fmt::join(wrong, "; "));
    check.advice = "'enforcerctl doctor --fix' corrects folders, and so does enforcer-hostd when it starts";
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

Check check_audit_folder(const std::string& path, const std::optional<Account>& enforcerd) {
  if (!enforcerd) return unknown_account("audit folder");
  const std::string folder = fs::path(path).parent_path();
  const std::string around = fs::path(folder).parent_path();
  Check check{.name = "audit folder", .found = fmt::format("{} is enforcerd's", folder)};
  struct stat status{};
  const bool there = lstat(folder.c_str(), &status) == 0;
  const int error = errno;
  if (there && S_ISDIR(status.st_mode) && status.st_uid == enforcerd->uid && (status.st_mode & S_IRWXU) == S_IRWXU) {
    return check;
  }
  check.verdict = Verdict::kWarn;
  check.advice = "make it, or give it to enforcerd's user: without it connections are denied";
  if (!there && error != ENOENT) {
    check.found = fmt::format("{}: {}", folder, std::strerror(error));
    if (error == EACCES) check.advice = kLookAsRoot;
    return check;
  }
  check.found = there ? fmt::format("{} belongs to uid {} with mode {:04o}, and enforcerd is uid {}", folder,
                                    status.st_uid, status.st_mode & 07777, enforcerd->uid)
                      : fmt::format("{} is not there", folder);
  // What others keep there stays theirs, and nobody but root may swap it for a link while it is given away.
  if (!only_root_and_group_write(around, 0) || (there && !holds_only(folder, fs::path(path).filename()))) return check;
  const config::KeptFolder kept{.path = folder, .uid = enforcerd->uid, .gid = enforcerd->gid, .mode = kAuditFolderMode};
  check.mends.push_back(
      {.what = fmt::format("make {} enforcerd's", folder), .act = [kept] { return config::make_or_correct(kept); }});
  return check;
}

}  // namespace enforcer::ctl
