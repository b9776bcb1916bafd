// A program of the image that init needs for a moment: mkfs.ext4, openssl, trust.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace enforcer::guest {

/// Runs `argv` (an absolute path first) with `root` as its root folder, waits for its end and gives back what it wrote,
/// at most 4 KiB of it. Nothing else of init goes on meanwhile. kNotFound: there is no such program; kTimeout: it was
/// killed after `limit`; kUnavailable: it ended otherwise than with 0, with the last line it wrote.
Result<std::string> run_program(const std::vector<std::string>& argv, std::chrono::milliseconds limit,
                                const std::string& root = "/");

}  // namespace enforcer::guest
