#include "modules.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/fd.h"

namespace enforcer::guest {

Result<> load_modules(const std::string& folder) {
  std::ifstream order(folder + "/order");
  if (!order) return fail(Errc::kNotFound, folder + "/order is missing");
  for (std::string name; std::getline(order, name);) {
    const Fd file(::open((folder + "/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return fail_errno(name);
    if (::syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST) return fail_errno(name);
  }
  return {};
}

}  // namespace enforcer::guest
