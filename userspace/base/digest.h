// Digests: SHA-256, and SHA-1 where a protocol demands it; nothing is trusted because of that one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer {

/// 64 hex digits (FIPS 180-4).
[[nodiscard]] std::string sha256_hex(std::string_view octets);

/// The same of an open file, from its beginning to its end; its offset stays. kIo: it cannot be read.
[[nodiscard]] Result<std::string> sha256_hex_of_file(int file);

/// The SHA-1 of a text, in base64 (RFC 6455 4.2.2: how a server proves that it speaks WebSocket).
[[nodiscard]] std::string sha1_base64(std::string_view text);

}  // namespace enforcer
