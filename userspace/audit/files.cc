#include "audit/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

namespace enforcer::audit {
namespace {

/// The age of the file that `fd` has open; none when it was rotated out of existence.
std::optional<unsigned> age_of(const std::string& path, int fd) {
  for (unsigned age = 0; age < kMaxFiles; ++age) {
    if (names_file(file_name(path, age), fd)) return age;
  }
  return std::nullopt;
}

}  // namespace

std::string file_name(const std::string& path, unsigned age) {
  return age == 0 ? path : fmt::format("{}.{}", path, age);
}

Result<Fd> open_for_reading(const std::string& path) {
  // O_NONBLOCK: somebody may have put a FIFO there.
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return fail(Errc::kNotFound, fmt::format("{}: no such audit log", path));
  if (!file.valid()) return fail_errno(path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, fmt::format("{}: not a regular file", path));
  return file;
}

bool names_file(const std::string& path, int fd) {
  struct stat named{};
  struct stat opened{};
  return lstat(path.c_str(), &named) == 0 && fstat(fd, &opened) == 0 && named.st_ino == opened.st_ino &&
         named.st_dev == opened.st_dev;
}

std::optional<unsigned> first_existing(const std::string& path, unsigned age, Towards towards) {
  struct stat status{};
  while (age < kMaxFiles) {
    if (lstat(file_name(path, age).c_str(), &status) == 0) return age;
    if (age == 0 && towards == Towards::kNewer) return std::nullopt;
    towards == Towards::kOlder ? ++age : --age;
  }
  return std::nullopt;
}

Result<Fd> open_neighbour(const std::string& path, int fd, Towards towards) {
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto age = age_of(path, fd);
    if (towards == Towards::kOlder ? !age : age == 0U) return Fd();
    const unsigned from = !age ? kMaxFiles - 1 : towards == Towards::kOlder ? *age + 1 : *age - 1;
    const auto neighbour = first_existing(path, from, towards);
    if (!neighbour) return Fd();
    auto file = open_for_reading(file_name(path, *neighbour));
    if (!file && file.error().code != Errc::kNotFound) return file;
    // Rotation renames the oldest file first. So if ours has kept its name until now, the neighbour's name meant the
    // neighbour.
    if (file && age_of(path, fd) == age) return file;
  }
  return fail(Errc::kUnavailable, path + ": is rotated faster than it can be read");
}

}  // namespace enforcer::audit
