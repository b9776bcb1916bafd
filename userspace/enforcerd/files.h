// Small files of the state folder, written so that a crash leaves the old or the new one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::enforcerd {

/// Replaces a file (0600) by way of a temporary one beside it, and makes it durable.
Result<> write_atomically(const std::string& path, std::string_view content);
/// A whole file of at most `limit` bytes; kNotFound when there is none.
Result<std::string> read_file(const std::string& path, std::size_t limit);
/// Makes a folder (0700) and those above it; one that exists is fine.
Result<> make_folders(const std::string& path);

}  // namespace enforcer::enforcerd
