// Percent-encoding (RFC 3986 2.1), in the one form that everybody reads alike.
#pragma once

#include <string>
#include <string_view>

namespace enforcer {

/// Everything but unreserved characters escaped, in capitals: a segment of a path, or a name or value of a query. What
/// comes back never grew on the way, so nothing of a secret stays behind; the caller wipes it.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace enforcer
