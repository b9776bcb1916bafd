#include "base/hex.h"

#include <fmt/format.h>

namespace enforcer {

std::string hex(Bytes octets) {
  return fmt::format("{:02x}", fmt::join(octets, ""));
}

}  // namespace enforcer
