#include "host/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"

namespace enforcer::host {

Result<> set_sysctl(std::string_view name, std::string_view value) {
  const std::string path = fmt::format("/proc/sys/net/{}", name);
  const Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return fail_errno(fmt::format("cannot set {} to {}", path, value));
  }
  return {};
}

}  // namespace enforcer::host
