#include "host/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"

namespace enforcer::host {

namespace {

std::string path_of(std::string_view name) {
  return fmt::format("/proc/sys/net/{}", name);
}

}  // namespace

Result<> set_sysctl(std::string_view name, std::string_view value) {
  const std::string path = path_of(name);
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return fail_errno(fmt::format("cannot set {} to {}", path, value));
  }
  return {};
}

Result<std::string> sysctl(std::string_view name) {
  const std::string path = path_of(name);
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t size = file.valid() ? read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return fail_errno(fmt::format("cannot read {}", path));
  return std::string(text, static_cast<std::size_t>(size) - (text[size - 1] == '\n' ? 1 : 0));
}

}  // namespace enforcer::host
