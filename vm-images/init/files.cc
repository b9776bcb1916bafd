#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "base/fd.h"

namespace enforcer::guest {
namespace {

Result<> write_all(const Fd& file, std::string_view text, const std::string& name) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count < 0) return fail_errno(name);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<> take_place_of(const std::filesystem::path& path, const std::string& aside) {
  if (std::rename(aside.c_str(), path.c_str()) != 0) return fail_errno(path.string());
  return {};
}

}  // namespace

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Result<> replace_text(const std::filesystem::path& path, std::string_view text) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  const std::string aside = path.string() + ".enforcer-new";
  ::unlink(aside.c_str());
  const Fd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return fail_errno(aside);
  TRY_VOID(write_all(file, text, aside));
  if (struct stat old{}; ::lstat(path.c_str(), &old) == 0 && S_ISREG(old.st_mode))
    if (::fchown(file.get(), old.st_uid, old.st_gid) != 0 || ::fchmod(file.get(), old.st_mode & 07777) != 0)
      return fail_errno(aside);
  return take_place_of(path, aside);
}

Result<> replace_link(const std::filesystem::path& path, const std::filesystem::path& target) {
  const std::string aside = path.string() + ".enforcer-new";
  ::unlink(aside.c_str());
  if (::symlink(target.c_str(), aside.c_str()) != 0) return fail_errno(aside);
  return take_place_of(path, aside);
}

}  // namespace enforcer::guest
