#include "credentials/store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.h"
#include "base/files.h"
#include "base/text.h"
#include "credentials/private_file.h"
#include "credentials/sealed_text.h"

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

std::unexpected<Error> set_again(std::string_view name, const Error& error) {
  return fail(error.code, fmt::format("{}: 'enforcerctl credential set {}' again", error.message, name));
}

/// A value without its key is no missing value.
std::unexpected<Error> lost_key(std::string_view name, const Error& error) {
  if (error.code != Errc::kNotFound) return std::unexpected(error);
  return set_again(name, {Errc::kInvalid, fmt::format("it cannot be decrypted: {}", error.message)});
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
  const Shape shape = spec.source_shape();
  auto value = files_.read_file(spec.name, *path, shape, [&](std::string_view content) -> Result<Value> {
    const auto key = key_.find();
    if (!key) return lost_key(spec.name, key.error());
    const auto raw = unseal(*key, spec.name, content);
    if (!raw) return set_again(spec.name, raw.error());
    return value_of(raw->reveal(), shape, WallClock::now());
  });
  if (!value && value.error().code == Errc::kNotFound) {
    return fail(Errc::kNotFound, fmt::format("nothing is stored: 'enforcerctl credential set {}'", spec.name));
  }
  return value;
}

Result<> Store::set(const policy::CredentialSpec& spec, const Secret& raw) {
  const std::string path = TRY(file_of(spec.name));
  TRY_VOID(value_of(raw.reveal(), spec.source_shape(), WallClock::now()));
  TRY_VOID(make_folder(folder_));
  const Secret key = TRY(key_.find_or_make());
  const std::string sealed = TRY(seal(key, spec.name, raw));
  files_.forget(spec.name);
  return write_private_file(path, sealed, Existing::kReplace);
}

Result<> Store::erase(std::string_view name) {
  const std::string path = TRY(file_of(name));
  files_.forget(name);
  if (unlink(path.c_str()) == 0) return sync_folder(folder_);
  if (errno == ENOENT) return fail(Errc::kNotFound, fmt::format("nothing is stored for credential {}", name));
  return fail_errno(path);
}

}  // namespace enforcer::credentials
