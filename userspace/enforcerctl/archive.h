// Files in one .tar.gz, for people to take away.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::ctl {

struct ArchiveFile {
  std::string name;  ///< "status.json", "config/1.yaml"; [a-z0-9./-] only
  std::string text;
};

/// Writes a .tar.gz of the files, in a folder `folder`, to `to`: Debian's own tar and gzip make it. kIo, kUnavailable.
Result<> write_archive(const std::vector<ArchiveFile>& contents, const std::string& folder, const Fd& to);

}  // namespace enforcer::ctl
