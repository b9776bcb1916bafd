// verify: reads a log and its rotated files in order and says whether their chain is whole (chain.h); works beside a
// writer and without one.
//
// Besides the chain it looks at lines that are no records. One that a crash left torn is no finding where the writer
// says so in the record after it (`audit_torn`); any other is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/chain.h"
#include "audit/chain_check.h"
#include "base/result.h"

namespace enforcer::audit {

struct VerifyOptions {
  std::string path;  ///< of the log; its rotated files and its head file belong to it
  /// Whether a log without a head file is one from which it was taken, or a copy that never had one.
  enum class HeadFile : std::uint8_t { kRequired, kOptional } head_file = HeadFile::kRequired;
  std::optional<Head> noted{};  ///< a head that was noted before
};

struct Verification {
  std::vector<std::string> files;      ///< oldest first; ChainFinding::place counts in them
  std::vector<ChainFinding> findings;  ///< in order; empty: all is well
  std::uint64_t records = 0;
  std::uint64_t first = 0;  ///< number of the first record; 0: there is none
  Head head;                ///< what the files end with
  std::uint64_t torn = 0;   ///< torn lines that the log accounts for
  enum class End : std::uint8_t { kProven, kUnproven, kNotReached };
  End end = End::kUnproven;  ///< whether there was a head file; or that too much was wrong to read on
};

/// kNotFound: there is no such log. kIo, kInvalid: a file cannot be read, or is not a regular file.
Result<Verification> verify(const VerifyOptions& options);

}  // namespace enforcer::audit
