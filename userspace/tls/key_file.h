// Files of keys and certificates: read whole, written atomically. Not for headers.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::tls {

/// kNotFound: there is no such file. kInvalid: more than `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Either the whole content with this mode or nothing, also after a crash in the middle.
Result<> write_atomically(const std::string& path, std::string_view content, mode_t mode);

}  // namespace enforcer::tls
