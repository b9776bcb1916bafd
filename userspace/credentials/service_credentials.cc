#include "credentials/service_credentials.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"

namespace enforcer::credentials {
namespace {

/// systemd.exec(5): a name is one that a file can have. The reader of objects refuses others; a path is too much to
/// rest on that alone.
bool can_be_a_file(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\0');
}

}  // namespace

std::optional<std::string> ServiceCredentials::folder_from_environment() {
  const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder != '/') return std::nullopt;
  return folder;
}

boost::asio::awaitable<Result<Value>> ServiceCredentials::read(const policy::CredentialSpec& spec, Deadline) {
  co_return *look(spec);
}

std::optional<Result<Value>> ServiceCredentials::look(const policy::CredentialSpec& spec) {
  const std::string& name = spec.source.variable;
  if (!can_be_a_file(name)) {
    return fail(Errc::kInvalid, fmt::format("'{}' cannot be a credential of systemd", escape_untrusted(name, 64)));
  }
  const Shape shape = spec.source_shape();
  if (folder_) {
    auto value = files_.read_file(spec.name, fmt::format("{}/{}", *folder_, name), shape,
                                  [shape](std::string_view raw) { return value_of(raw, shape, WallClock::now()); });
    if (value || value.error().code != Errc::kNotFound) return value;
  }
  return fail(Errc::kNotFound,
              fmt::format("systemd gave enforcerd no credential '{}': 'systemctl edit enforcerd', under [Service] "
                          "LoadCredential={}:/path/of/it (or LoadCredentialEncrypted=), and restart enforcerd",
                          name, name));
}

}  // namespace enforcer::credentials
