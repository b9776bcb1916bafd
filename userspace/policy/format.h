// One layout for policy files: two spaces a level, lists indented below their key, no blank line twice, none at the
// ends, no space at the end of a line. Comments, the order of keys, quotes and flow style stay as they are written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::policy {

/// The text in that layout. Both are read by the strict reader and compared, so what comes out means what went in.
/// kInvalid: it is not YAML as policies are read, or is laid out so that its meaning would not survive.
[[nodiscard]] Result<std::string> formatted(std::string_view file, std::string_view text);

}  // namespace enforcer::policy
