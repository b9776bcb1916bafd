// PolicyStore: where policies come from, and which generation is in force.
//
// Sources are the configured files and folders and, beside them, the objects that `policy apply` stored (one file each
// in the state folder, whose place the next set of files takes whole). They load together, all or nothing: whatever is
// wrong anywhere, the generation in force stays.
// The sources of the last good generation are kept in the state folder, so that a daemon that starts on broken files
// starts on those (and says so), and those of the last generations, so that people can go back. What is in the state
// folder the daemon has written itself: there, and in the last good sources, no credential may name a program to run
// (policy::SourceOrigin::kApplied).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "config/config.h"
#include "config/paths.h"
#include "enforcerd/generation_history.h"
#include "policy/loader.h"
#include "policy/snapshot.h"

namespace enforcer::enforcerd {

/// How an attempt to load ended.
struct LoadReport {
  bool loaded = false;
  std::vector<policy::Diagnostic> diagnostics;
  std::string error;  ///< one line when not loaded: the first error and how many more, or what could not be read
};

class PolicyStore {
 public:
  PolicyStore(const config::Config& config, const config::Paths& paths);

  /// The generation in force; never null (before anything loaded: one that denies everything).
  [[nodiscard]] const std::shared_ptr<const policy::Snapshot>& current() const { return current_; }

  /// The configured files as they are now.
  [[nodiscard]] Result<std::vector<policy::SourceText>> configured() const;

  /// Loads the sources; where that fails the last good ones.
  LoadReport load_at_start();
  /// Loads the sources; where that fails nothing changes.
  LoadReport reload(Cause cause);
  /// Stores each object of `documents`, replacing a stored one of the same kind and name, and loads. Where anything is
  /// wrong nothing is stored. kConflict: an object is also in a configured file.
  Result<LoadReport> apply(std::vector<policy::SourceText> documents, Cause cause);
  /// What was applied becomes what it was in that generation, as a new one. Configured files are not ours to write:
  /// kConflict names those that are not as they were. Where anything is wrong nothing is stored. kNotFound: it is not
  /// kept; kConflict also when it is what is in force and what is stored.
  Result<LoadReport> roll_back(std::uint64_t generation, Cause cause);

  [[nodiscard]] const GenerationHistory& history() const { return history_; }
  /// The texts that are in force.
  [[nodiscard]] const std::vector<policy::SourceText>& sources() const { return sources_; }

  [[nodiscard]] const LoadReport& last_report() const { return last_report_; }
  [[nodiscard]] WallClock::time_point last_attempt() const { return last_attempt_; }
  [[nodiscard]] std::optional<WallClock::time_point> last_success() const { return last_success_; }

 private:
  [[nodiscard]] Result<std::vector<policy::SourceText>> stored() const;
  [[nodiscard]] Result<std::vector<policy::SourceText>> all_sources() const;
  LoadReport load(std::vector<policy::SourceText> sources);
  /// Names of configured files that are not what they were then, with how they differ.
  [[nodiscard]] static std::string differing(const std::vector<policy::SourceText>& then,
                                             const std::vector<policy::SourceText>& now);
  Result<> save_last_good(const std::vector<policy::SourceText>& sources) const;
  [[nodiscard]] Result<std::vector<policy::SourceText>> last_good();

  const std::vector<std::string> configured_paths_;
  const std::vector<std::string> credential_paths_;
  const std::string store_dir_;
  const std::string last_good_file_;
  GenerationHistory history_;
  std::shared_ptr<const policy::Snapshot> current_;
  std::vector<policy::SourceText> sources_;  ///< of `current_`
  std::uint64_t generation_ = 0;
  LoadReport last_report_;
  WallClock::time_point last_attempt_ = WallClock::now();
  std::optional<WallClock::time_point> last_success_;
};

}  // namespace enforcer::enforcerd
