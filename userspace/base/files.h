// Small files: read whole, and replaced whole.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer {

/// What a path that is itself a symbolic link comes to.
enum class LastLink : std::uint8_t { kFollow, kRefuse };

/// kNotFound: there is no such file. kInvalid: more than `limit` bytes, or not a regular file. It leaves no copy behind
/// in memory that was grown: where it is a key, the caller has but this one to wipe.
Result<std::string> read_file(const std::string& path, std::size_t limit, LastLink link);

/// Of a file that the kernel makes up while it is read, as those of /proc, whose size says nothing. kNotFound,
/// kInvalid: as for read_file().
Result<std::string> read_kernel_file(const std::string& path, std::size_t limit);

/// What may crash in the middle, and leaves the old content or the new one.
enum class Survives : std::uint8_t {
  kProgram,  ///< after a crash of the host there may be anything; costs no wait for a disk
  kHost,
};

/// Replaces a file, by way of `path`.new, with one of this mode and the caller's. An error leaves the old content, but
/// for kHost where only the folder could not be written to the disk: then it is the new one, until the host crashes.
Result<> write_atomically(const std::string& path, std::string_view content, mode_t mode, Survives crash);

/// What was added to a folder, renamed in it or removed survives a crash of the host from now on.
Result<> sync_folder(const std::string& path);

}  // namespace enforcer
