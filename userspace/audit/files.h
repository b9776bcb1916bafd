// The files of one audit log: audit.jsonl, and audit.jsonl.1 … audit.jsonl.N from newer to older.
#pragma once

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::audit {

inline constexpr unsigned kMaxFiles = 1000;

/// The name of file `age`; 0 is the one being written.
[[nodiscard]] std::string file_name(const std::string& path, unsigned age);

/// Opens one file for reading; kNotFound when it does not exist, kInvalid when it is not a regular file.
Result<Fd> open_for_reading(const std::string& path);

/// Whether `path` names the very file that `fd` has open.
[[nodiscard]] bool names_file(const std::string& path, int fd);

enum class Towards { kOlder, kNewer };

/// The first file that exists from `age` on, `age` included; none when there is none.
[[nodiscard]] std::optional<unsigned> first_existing(const std::string& path, unsigned age, Towards towards);

/// Opens the file before or after the one that `fd` has open, right even while the log is being rotated; an invalid Fd
/// when there is none. From a file that was rotated out of existence, everything that is left is newer.
Result<Fd> open_neighbour(const std::string& path, int fd, Towards towards);

}  // namespace enforcer::audit
