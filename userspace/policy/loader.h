// Loading: texts in, a snapshot or a list of problems out. Nothing is ever half loaded: one error anywhere and there is
// no snapshot, so the caller keeps the last good one (an invalid file changes nothing).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/diagnostic.h"
#include "policy/snapshot.h"
#include "policy/test_run.h"

namespace enforcer::policy {

/// Who can write a source.
enum class SourceOrigin {
  kConfigured,  ///< the owner of the configured files
  kApplied,     ///< the daemon, which must not be able to name programs that run for it
};

/// Why a source has no text.
struct Refusal {
  Code code;
  std::string message;
};

struct SourceText {
  std::string name;  ///< what diagnostics and records call it: the path
  std::string text;
  SourceOrigin origin = SourceOrigin::kConfigured;
  /// Set: it could not be read. It is a problem among those of the others, which are looked at all the same.
  std::optional<Refusal> refusal{};
};

/// An error for each source that could not be read; empty: all were.
[[nodiscard]] std::vector<Diagnostic> refusals_of(std::span<const SourceText> sources);

/// How much the sources are.
enum class Completeness {
  kWhole,
  kPart,  ///< what they name may stand elsewhere: only what is wrong in any case is reported, and no test is asked
};

/// What comes of one of spec.tests that fails.
enum class FailedTest {
  kRefuses,  ///< an error, as any other
  kWarns,    ///< for people who ask why it fails: never for what is to be enforced
};

struct LoadOutcome {
  std::shared_ptr<const Snapshot> snapshot;  ///< null when there is any error
  std::vector<Diagnostic> diagnostics;       ///< errors and warnings, sorted by place
};

/// Reads, checks and compiles all sources together. Pure; the order of sources, documents and rules never matters. With
/// one that could not be read the rest is only a part.
[[nodiscard]] LoadOutcome load(std::span<const SourceText> sources, std::uint64_t generation,
                               Completeness completeness = Completeness::kWhole,
                               FailedTest failed_test = FailedTest::kRefuses);

struct TestOutcome {
  bool asked = false;                   ///< false: there are errors, and tests would fail for the wrong reason
  std::vector<Diagnostic> diagnostics;  ///< as load() has them, but for tests that fail
  std::vector<TestRun> tests;           ///< by file and place
  std::vector<RuleReach> rules;
};

/// Reads and checks all sources as load() does, and asks every one of spec.tests. Pure.
[[nodiscard]] TestOutcome ask_tests(std::span<const SourceText> sources);

/// Every one of the sources was read well, and none has an object. They decide nothing, which is hardly what they were
/// named for.
[[nodiscard]] bool has_no_object(std::span<const SourceText> sources, std::span<const Diagnostic> diagnostics);

/// What the texts are read for.
enum class SourceUse {
  kEnforce,  ///< by the daemon: files and their folder must belong to root or to this user and be writable by nobody
             ///< else
  kInspect,  ///< by the tool, for the person who named them: links are followed, and a pipe that was named is read to
             ///< its end
};

/// Reads the files, and the *.yaml and *.yml of the folders (not below them, no dot files), sorted by path. Opened
/// once; only regular files of at most 1 MiB, and to enforce them never through a symbolic link. What could not be
/// taken is among the sources, with its refusal.
[[nodiscard]] std::vector<SourceText> read_sources(const std::vector<std::string>& files_or_folders,
                                                   SourceUse use = SourceUse::kEnforce);

}  // namespace enforcer::policy
