#include "credentials/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.h"
#include "base/fd.h"
#include "base/text.h"

namespace enforcer::credentials {
namespace {

/// The folder, made when it is not there; one that others can enter is refused.
Result<> make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(path);
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return fail_errno(path);
  const bool ours = S_ISDIR(found.st_mode) && found.st_uid == geteuid() && (found.st_mode & 077U) == 0;
  if (ours) return {};
  return fail(Errc::kDenied, fmt::format("{}: must be a folder of uid {} with mode 0700", path, geteuid()));
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

/// A rename or a removal is durable when the folder is.
Result<> sync_folder(const std::string& path) {
  const Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) return fail_errno(path);
  return {};
}

}  // namespace

/// Names come from loaded objects, whose reader refuses all this; a path is too much to rest on that alone.
Result<std::string> Store::file_of(std::string_view name) const {
  const auto legal = [](char c) { return ascii::is_alphanumeric(c) || std::string_view("-_.").contains(c); };
  if (name.empty() || name.size() > 128 || name.front() == '.' || !std::ranges::all_of(name, legal)) {
    return fail(Errc::kInvalid, fmt::format("'{}' cannot be the name of a credential", escape_untrusted(name, 64)));
  }
  return fmt::format("{}/{}", folder_, name);
}

boost::asio::awaitable<Result<Value>> Store::read(const policy::CredentialSpec& spec, Deadline) {
  co_return *look(spec);
}

std::optional<Result<Value>> Store::look(const policy::CredentialSpec& spec) {
  const auto path = file_of(spec.name);
  if (!path) return std::unexpected(path.error());
  auto value = files_.read_file(spec.name, *path);
  if (!value && value.error().code == Errc::kNotFound) {
    return fail(Errc::kNotFound, fmt::format("nothing is stored: 'enforcerctl credential set {}'", spec.name));
  }
  return value;
}

Result<> Store::set(std::string_view name, const Secret& value) {
  const std::string path = TRY(file_of(name));
  const std::string temporary = fmt::format("{}/.{}.new", folder_, name);  // no credential begins with a dot
  TRY_VOID(make_folder(folder_));
  if (unlink(temporary.c_str()) != 0 && errno != ENOENT) return fail_errno(temporary);  // of a crash
  const Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno(temporary);
  if (const auto written = write_all(file, value.reveal(), temporary); !written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail_errno(path);
  files_.forget(name);
  return sync_folder(folder_);
}

Result<> Store::erase(std::string_view name) {
  const std::string path = TRY(file_of(name));
  files_.forget(name);
  if (unlink(path.c_str()) == 0) return sync_folder(folder_);
  if (errno == ENOENT) return fail(Errc::kNotFound, fmt::format("nothing is stored for credential {}", name));
  return fail_errno(path);
}

}  // namespace enforcer::credentials
