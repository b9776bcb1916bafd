#include "enforcerd/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace enforcer::enforcerd {

Result<> write_atomically(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".new";
  const Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail_errno(temporary);
  while (!content.empty()) {
    const ssize_t count = write(file.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(temporary);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fdatasync(file.get()) != 0) return fail_errno(temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail_errno(path);
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    if (errno == ENOENT) return fail(Errc::kNotFound, fmt::format("{}: no such file", path));
    return fail_errno(path);
  }
  std::string content;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > limit) return fail(Errc::kInvalid, fmt::format("{}: larger than {} bytes", path, limit));
  }
}

Result<> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(folder);
    if (end == std::string::npos) return {};
  }
}

}  // namespace enforcer::enforcerd
