// GenerationHistory: the sources of the last generations that were in force, so that people see what changed and can go
// back.
//
// One file for each in a folder of the state folder, named by its number and replaced whole. Generations in a row that
// were made of the same sources (a restart, a reload of unchanged files) are one entry with a range of numbers: a
// daemon that restarts ten times must not forget what was in force yesterday.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "policy/loader.h"

namespace enforcer::enforcerd {

/// Why a generation was made, and by whom.
struct Cause {
  std::string what;               ///< "start", "reload", "apply", "rollback to 5"
  std::optional<uid_t> uid = {};  ///< none: nobody asked for it through the control API
  std::string user = {};          ///< the account's name, or empty
};

/// What is told of a source without its text.
struct SourceSummary {
  std::string sha256;  ///< of its text, 64 hex digits
  bool holds_credentials = false;
};

struct KeptGeneration {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  WallClock::time_point time;  ///< of the first
  Cause cause;                 ///< of the first
  std::string digest;          ///< SHA-256 over the names, origins and texts of the sources, 64 hex digits
  std::vector<policy::SourceText> sources;
  std::vector<SourceSummary> summaries;  ///< of each source

  [[nodiscard]] bool covers(std::uint64_t generation) const { return first <= generation && generation <= last; }
};

class GenerationHistory {
 public:
  static constexpr std::size_t kKept = 10;

  /// Reads what is there. A file that is not what was written there is left out, with a line in the log.
  explicit GenerationHistory(std::string folder);

  /// Oldest first; the last one is in force, or was when the daemon went.
  [[nodiscard]] const std::vector<KeptGeneration>& all() const { return kept_; }
  /// 0: none is kept.
  [[nodiscard]] std::uint64_t newest() const { return kept_.empty() ? 0 : kept_.back().last; }
  /// kNotFound, with those that are kept.
  [[nodiscard]] Result<KeptGeneration> find(std::uint64_t generation) const;

  /// A generation came into force. The oldest one goes when there are too many. kIo: it is not on the disk, but counts
  /// until the daemon ends.
  Result<> keep(std::uint64_t generation, Cause cause, std::vector<policy::SourceText> sources);

 private:
  [[nodiscard]] std::string file_of(const KeptGeneration& generation) const;
  [[nodiscard]] Result<> write(const KeptGeneration& generation) const;

  const std::string folder_;
  std::vector<KeptGeneration> kept_;
};

}  // namespace enforcer::enforcerd
