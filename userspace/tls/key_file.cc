#include "tls/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace enforcer::tls {

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return fail(Errc::kNotFound, path + ": no such file");
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, path + ": not a regular file");
  if (static_cast<std::size_t>(status.st_size) > limit)
    return fail(Errc::kInvalid, fmt::format("{}: larger than {} bytes", path, limit));
  // Of its final size from the start: a key leaves no second copy behind in memory that was grown.
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = read(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    if (count == 0) return fail(Errc::kIo, path + ": shrank while it was read");
    done += static_cast<std::size_t>(count);
  }
  return content;
}

Result<> write_atomically(const std::string& path, std::string_view content, mode_t mode) {
  const std::string aside = path + ".new";
  const Fd file(open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail_errno(aside);
  while (!content.empty()) {
    const ssize_t count = write(file.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(aside);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fchmod(file.get(), mode) != 0 || fsync(file.get()) != 0) return fail_errno(aside);
  if (rename(aside.c_str(), path.c_str()) != 0) return fail_errno(path);
  return {};
}

}  // namespace enforcer::tls
