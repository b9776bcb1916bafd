// Base64 for URLs and file names (RFC 4648 5), without padding.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace enforcer {

/// Characters that so many octets make.
constexpr std::size_t base64url_size(std::size_t octets) {
  return (octets * 4 + 2) / 3;
}

/// Into `text`, which has room for exactly these characters. Leaves nothing of the octets behind anywhere else.
void base64url(Bytes octets, std::span<char> text);

}  // namespace enforcer
