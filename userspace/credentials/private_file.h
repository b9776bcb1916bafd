// PrivateFile: a file that holds a secret: how it is opened, read and written, whatever is in it.
#pragma once

#include <sys/stat.h>

#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::credentials {

struct PrivateFile {
  Fd file;
  struct stat seen{};
};

/// A regular file that its group cannot write and others can neither read nor write, opened without following a
/// symbolic link in the last place. kNotFound: there is none; kDenied: it is not readable for us; kInvalid: it is
/// something else, with what to do.
Result<PrivateFile> open_private_file(const std::string& path);

/// Reads until the end of the file or of the room; how much it was.
Result<std::size_t> read_private_file(const PrivateFile& file, std::span<char> room, const std::string& path);

/// What becomes of a file that is there already.
enum class Existing {
  kReplace,
  kKeep,  ///< kConflict
};
/// Writes the file with mode 0600, durably: beside it first, under a name with a dot in front, then renamed, so that a
/// crash leaves the old one or the new one.
Result<> write_private_file(const std::string& path, std::string_view bytes, Existing existing);

}  // namespace enforcer::credentials
