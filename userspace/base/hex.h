// Octets as hex digits, as digests are written. Their reading is ascii::hex_value.
#pragma once

#include <string>

#include "base/bytes.h"

namespace enforcer {

/// Two digits for each octet, in lower case (RFC 4648 8, but for the case).
[[nodiscard]] std::string hex(Bytes octets);

}  // namespace enforcer
