// Broken lines: what stands in the files of an audit log and is no record, as `audit verify` finds it. Who reads a log
// for another purpose tells them too: an answer that leaves lines out in silence looks like the whole truth.
#pragma once

#include <cstdint>
#include <string>

#include "audit/reader.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {

/// Whether lines of a log were left out because nobody could read them.
enum class LogState : std::uint8_t { kReadable, kBroken };

/// After `reader` has read `path` to its end and has given `records` records. Names the lines on standard error; a line
/// that a crash left torn, and that the log accounts for, is none of them. An Error: the files cannot be read again.
Result<LogState> tell_broken_lines(const Tool& tool, const std::string& path, const audit::Reader& reader,
                                   std::uint64_t records);

}  // namespace enforcer::ctl
