// Paths that origins read in two ways: an escaped slash as one or as a part of a name, a segment's parameters (";x") as
// a part of its name or none.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::policy {

[[nodiscard]] bool ambiguous(std::string_view path);

/// The other way: an escaped slash is one, a segment's parameters are none of its name.
[[nodiscard]] std::string loosely(std::string_view path);

}  // namespace enforcer::policy
