// DNS over TCP: each message has its length in front (RFC 1035 4.2.2).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace enforcer::dns {

/// The bytes of the length in front of a message.
inline constexpr std::size_t kStreamPrefix = 2;

/// The first complete message in what is buffered, without its prefix; it takes kStreamPrefix + size() bytes there. A
/// length above kMaxQuery comes back at once as an empty message, which is no query: the caller closes.
[[nodiscard]] std::optional<Bytes> next_message(Bytes buffered);

/// A message with its prefix, ready to be written.
[[nodiscard]] std::vector<std::uint8_t> to_stream(Bytes message);

}  // namespace enforcer::dns
