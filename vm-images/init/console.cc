#include "console.h"

#include <unistd.h>

#include <string>

namespace enforcer::guest {

void say(std::string_view message) {
  const std::string line = "enforcer-init: " + std::string(message) + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());  // the kernel opened /dev/console for us
}

}  // namespace enforcer::guest
