// Text that is shown. What a guest or an origin wrote is made safe first: it never reaches a terminal or a log
// unescaped (invariant 10).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace enforcer {

/// Every byte outside printable ASCII, and the backslash, as \xNN. More than `limit` bytes (>= 64) are cut to both ends
/// with the length and the SHA-256 of the whole between them, so that nothing interesting hides behind a cut.
[[nodiscard]] std::string escape_untrusted(std::string_view raw, std::size_t limit = 512);

/// "1 request", "12 requests"; `what` is a word that takes an s.
[[nodiscard]] std::string count_of(std::uint64_t count, std::string_view what);

}  // namespace enforcer
