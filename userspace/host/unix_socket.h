// Stream sockets in the folder of one guest, which is root's alone.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

/// Makes the folder if it is missing, and takes it from whoever has it: root's, 0700. Others get sockets from it, never
/// the folder.
Result<> prepare_run_dir(const std::string& path);

/// A listening socket, non-blocking, in place of whatever has its name: connecting works before anybody accepts.
/// kInvalid when the path is longer than the 107 bytes that a socket's may have.
Result<Fd> listen_in(const std::string& run_dir, std::string_view name);

/// A connection to it, non-blocking.
Result<Fd> connect_in(const std::string& run_dir, std::string_view name);

}  // namespace enforcer::host
