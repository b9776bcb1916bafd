#include "credentials/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"

namespace enforcer::credentials {
namespace {

Result<Fd> open_file(const std::string& path) {
  // Non-blocking: a FIFO must be found out, not waited for.
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (file.valid()) return file;
  if (errno == ENOENT) return fail(Errc::kNotFound, fmt::format("{}: no such file", path));
  if (errno == ELOOP) return fail(Errc::kInvalid, fmt::format("{}: is a symbolic link: name the file itself", path));
  if (errno == EACCES) {
    return fail(Errc::kDenied, fmt::format("{}: not readable for uid {} of enforcerd: give its group the file and "
                                           "chmod 0640 it",
                                           path, geteuid()));
  }
  return fail_errno(path);
}

Result<struct stat> examine(const Fd& file, const std::string& path) {
  struct stat seen{};
  if (fstat(file.get(), &seen) != 0) return fail_errno(path);
  if (!S_ISREG(seen.st_mode)) return fail(Errc::kInvalid, fmt::format("{}: not a regular file", path));
  const unsigned mode = seen.st_mode & 07777U;
  if ((mode & (S_IROTH | S_IWOTH | S_IWGRP)) != 0) {
    return fail(Errc::kInvalid, fmt::format("{}: {} (mode {:04o}): chmod 0640 it, or 0600", path,
                                            (mode & S_IROTH) != 0   ? "everybody can read it"
                                            : (mode & S_IWOTH) != 0 ? "everybody can write it"
                                                                    : "its group can write it",
                                            mode));
  }
  return seen;
}

Result<> write_all(const Fd& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fsync(file.get()) != 0) return fail_errno(path);
  return {};
}

Result<> rename_file(const std::string& from, const std::string& to, Existing existing) {
  const unsigned flags = existing == Existing::kKeep ? RENAME_NOREPLACE : 0;
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return {};
  if (errno == EEXIST) return fail(Errc::kConflict, fmt::format("{}: is there already", to));
  return fail_errno(to);
}

}  // namespace

Result<PrivateFile> open_private_file(const std::string& path) {
  PrivateFile opened{.file = TRY(open_file(path))};
  opened.seen = TRY(examine(opened.file, path));
  return opened;
}

Result<std::size_t> read_private_file(const PrivateFile& file, std::span<char> room, const std::string& path) {
  std::size_t size = 0;
  while (size < room.size()) {
    const ssize_t count = read(file.file.get(), room.data() + size, room.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  return size;
}

Result<> write_private_file(const std::string& path, std::string_view bytes, Existing existing) {
  const auto slash = path.rfind('/') + 1;
  const std::string temporary = fmt::format("{}.{}.new", path.substr(0, slash), path.substr(slash));
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) return fail_errno(temporary);  // of a crash
  const Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno(temporary);
  auto written = write_all(file, bytes, temporary);
  if (written) written = rename_file(temporary, path, existing);
  if (written) return sync_folder(path.substr(0, slash));
  unlink(temporary.c_str());
  return written;
}

}  // namespace enforcer::credentials
