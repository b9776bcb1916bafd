// SHA-1 where a protocol demands it; nothing here is trusted because of it.
#pragma once

#include <string>
#include <string_view>

namespace enforcer {

/// The SHA-1 of a text, in base64 (RFC 6455 4.2.2: how a server proves that it speaks WebSocket).
[[nodiscard]] std::string sha1_base64(std::string_view text);

}  // namespace enforcer
