// The head file, audit.jsonl.head: which record the log ended with when it was last on the disk.
//
// A chain proves what is before its end, not that there was nothing after it. So the writer keeps its end in a file of
// its own, replaced whole once a second after the records are on the disk: it is never ahead of them, and behind by
// what a crash of the machine may take. A log that ends before it was cut, and numbers never go back below it.
#pragma once

#include <optional>
#include <string>

#include "audit/chain.h"
#include "base/result.h"

namespace enforcer::audit {

/// "audit.jsonl.head"
[[nodiscard]] std::string head_file_name(const std::string& path);

/// None when there is no such file. kInvalid: it is there and says something else, or is not a regular file.
Result<std::optional<Head>> read_head(const std::string& path);

/// Replaces the file (0640): after a crash it is the old one or the new one. Blocks for as long as the disk takes.
Result<> write_head(const std::string& path, const Head& head);

}  // namespace enforcer::audit
