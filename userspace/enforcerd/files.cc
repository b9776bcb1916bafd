#include "enforcerd/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/files.h"
#include "base/log.h"

namespace enforcer::enforcerd {
namespace {

namespace fs = std::filesystem;

Result<> write_all(const std::string& folder, const std::map<std::string, std::string>& files) {
  if (mkdir(folder.c_str(), 0700) != 0) return fail_errno(folder);
  for (const auto& [name, text] : files) {
    TRY_VOID(write_atomically(folder + "/" + name, text, 0600, Survives::kHost));
  }
  return sync_folder(folder);
}

/// Of an attempt that a crash ended, or what was in force before. One that stays is in nobody's way but the next one's.
Result<> remove_folder(const std::string& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) return fail(Errc::kIo, path + ": " + failed.message());
  return {};
}

}  // namespace

Result<> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(folder);
    if (end == std::string::npos) return {};
  }
}

Result<> replace_folder(const std::string& folder, const std::map<std::string, std::string>& files) {
  const std::string aside = folder + ".new";
  TRY_VOID(remove_folder(aside));
  Result<> written = write_all(aside, files);
  if (written && renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0) {
    written = fail_errno("cannot put " + aside + " in the place of " + folder);
  }
  const auto synced = written ? sync_folder(fs::path(folder).parent_path()) : Result<>{};
  if (!synced) log_warning("a crash of the host may undo a change of policies: {}", synced.error().message);
  if (const auto removed = remove_folder(aside); !removed) log_warning("{}", removed.error().message);
  return written;
}

}  // namespace enforcer::enforcerd
