// UTF-8 (RFC 3629).
#pragma once

#include <string_view>

namespace enforcer {

/// Whether all of it is: shortest forms only, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace enforcer
