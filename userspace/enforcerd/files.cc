#include "enforcerd/files.h"

#include <sys/stat.h>

#include <cerrno>

namespace enforcer::enforcerd {

Result<> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(folder);
    if (end == std::string::npos) return {};
  }
}

}  // namespace enforcer::enforcerd
