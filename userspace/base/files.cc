#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/fd.h"

namespace enforcer {
namespace {

Result<> write_aside(const Fd& file, const std::string& aside, std::string_view content, mode_t mode, Survives crash) {
  while (!content.empty()) {
    const ssize_t count = write(file.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(aside);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fchmod(file.get(), mode) != 0) return fail_errno(aside);
  if (crash == Survives::kHost && fsync(file.get()) != 0) return fail_errno(aside);
  return {};
}

Result<Fd> open_regular(const std::string& path, LastLink link, struct stat& status) {
  const int no_link = link == LastLink::kRefuse ? O_NOFOLLOW : 0;
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | no_link));  // a FIFO is not waited for
  if (!file.valid() && errno == ENOENT) return fail(Errc::kNotFound, path + ": no such file");
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, path + ": not a regular file");
  return file;
}

/// Reads to the end of the file or of the text, whichever comes first: how much that was.
Result<std::size_t> fill(const Fd& file, const std::string& path, std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = read(file.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit, LastLink link) {
  struct stat status{};
  const Fd file = TRY(open_regular(path, link, status));
  // One more than there should be, so that what is too much shows. Those of sysfs hold less than their size says.
  std::string content(std::min(static_cast<std::size_t>(status.st_size), limit) + 1, '\0');
  const std::size_t done = TRY(fill(file, path, content));
  if (done > limit) return fail(Errc::kInvalid, fmt::format("{}: larger than {} bytes", path, limit));
  if (done == content.size()) return fail(Errc::kIo, path + ": grew while it was read");
  content.resize(done);
  return content;
}

Result<std::string> read_kernel_file(const std::string& path, std::size_t limit) {
  struct stat status{};
  const Fd file = TRY(open_regular(path, LastLink::kFollow, status));
  std::string content(limit + 1, '\0');
  const std::size_t done = TRY(fill(file, path, content));
  if (done > limit) return fail(Errc::kInvalid, fmt::format("{}: larger than {} bytes", path, limit));
  content.resize(done);
  return content;
}

Result<> write_atomically(const std::string& path, std::string_view content, mode_t mode, Survives crash) {
  const std::string aside = path + ".new";
  const Fd file(open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return fail_errno(aside);
  Result<> done = write_aside(file, aside, content, mode, crash);
  if (done && rename(aside.c_str(), path.c_str()) != 0) done = fail_errno(path);
  if (!done) {
    unlink(aside.c_str());  // it would keep what room is left
    return done;
  }
  return crash == Survives::kHost ? sync_folder(std::filesystem::path(path).parent_path()) : Result<>{};
}

Result<> sync_folder(const std::string& path) {
  const Fd folder(open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) return fail_errno(path);
  return {};
}

}  // namespace enforcer
