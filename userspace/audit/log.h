// Log: the audit file, JSON Lines, append-only.
//
// Workers hand in the records of one turn of their loop (batch.h). Under one mutex, held for the write only, each
// record gets the next sequence number and all of them go out with one write(2): a record is committed when that
// returned, and on disk at the next sync(). Sequence numbers and the hashes that chain the records (chain.h) are given
// at write time, so the file is in order without gaps. sync() also writes down where the log ends (head.h).
//
// When the disk is full (or any other error): a write that came in part is taken back with ftruncate(2), so no torn
// line stays; where even that fails the next write starts with a newline, and the lines that did arrive whole keep
// their numbers. The caller is told, and denies (invariant 3). Each later write tries again; the first that works again
// begins with an `audit_gap` event that counts the records lost, so nothing disappears in silence. A disk that takes
// nothing and refuses nothing (a device that hangs, a frozen file system) holds the one worker whose write it has: the
// others deny after a second, and at once from then on, until that write has come back. In the same way an
// `audit_torn` event follows a line that a crash left torn, and `audit_chain_broken` says that the log did not end as
// it was left.
//
// Rotation: before a write that would take audit.jsonl past max_bytes it becomes audit.jsonl.1, .1 becomes .2, and the
// oldest goes; max_files counts audit.jsonl too. One write is never split, so a larger one makes a larger file. Numbers
// and chain go on, over files and over restarts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "audit/journal_copy.h"
#include "audit/lines.h"
#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::audit {

struct LogOptions {
  std::string path;                             ///< "/var/log/enforcer/audit.jsonl"; its folder is made when missing
  std::uint64_t max_bytes = 256 * 1024 * 1024;  ///< per file
  unsigned max_files = 16;                      ///< >= 1; with 1 the old file is deleted at rotation
};

class Log {
 public:
  /// Opens (0640) and locks the file, ends a line that a crash left torn, and finds the record that the chain goes on
  /// from. That the log did not end as it was left is no error: it is recorded.
  /// kConflict: another process writes it. kInvalid: the file exists and is not an audit log. kIo: the system refused.
  static Result<std::unique_ptr<Log>> open(LogOptions options);

  /// From now on every record is also copied there. Before there is a second thread.
  void copy_to(std::unique_ptr<JournalCopy> copy) { copy_ = std::move(copy); }

  /// Writes the lines, all or none. Thread-safe. An error means: not recorded, deny. kTimeout: another thread's write
  /// has been under way for kPatience.
  Result<> write(const Lines& lines);

  /// fdatasync of everything written before the call, then the head file; blocks for as long as the disk takes and
  /// keeps no writer waiting. Also notices a file that was moved or deleted behind our back: the next write makes a new
  /// one. And records copies that were lost, at most once a minute. Thread-safe.
  Result<> sync();

  static constexpr std::chrono::seconds kPatience{1};

  [[nodiscard]] const LogOptions& options() const { return options_; }
  /// Records written since the start, and records that could not be written. Any thread.
  [[nodiscard]] std::uint64_t events() const { return events_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t write_errors() const { return write_errors_.load(std::memory_order_relaxed); }
  /// Records that could not be copied to the journal. Any thread.
  [[nodiscard]] std::uint64_t copy_errors() const { return copy_ ? copy_->lost() : 0; }
  /// Whether the last write worked. Any thread.
  [[nodiscard]] bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  /// write(2) calls so far, for tests and benchmarks. Any thread.
  [[nodiscard]] std::uint64_t write_calls() const { return write_calls_.load(std::memory_order_relaxed); }

 private:
  explicit Log(LogOptions options) : options_(std::move(options)) {}

  /// An event of the writer's own, in front of the records of the next write.
  struct Notice {
    std::string_view event;
    std::string detail;
    std::uint64_t count = 1;
  };
  /// The rest of a line that was added to out_.
  struct Added {
    std::size_t end;  ///< offset in out_
    Head head;
  };

  enum class Copied : std::uint8_t { kYes, kNo };
  /// Holds mutex_, and says since when.
  class Turn;

  Result<> write(const Lines& lines, Copied copied);
  Result<> write_locked(const Lines& lines);
  Result<> make_room(std::size_t bytes);
  Result<> rotate();
  Result<> open_current();
  void add_notice(const Notice& notice);
  void add_line(const Lines::Line& line);
  Result<> put();
  void take_back(std::size_t written);
  Result<> note_head(const Head& head);
  void report_lost_copies();

  const LogOptions options_;

  std::timed_mutex mutex_;   ///< guards everything down to the atomics
  Fd file_;                  ///< none after a failed rotation: the next write opens it again
  std::vector<Fd> retired_;  ///< rotated, not yet synced
  std::uint64_t size_ = 0;   ///< of the current file
  Head head_;                ///< the last record written
  std::uint64_t told_ = 0;   ///< of lost_, what the audit_gap in out_ counts
  bool torn_ = false;        ///< the last line, maybe of the file before, was never whole, and nothing tells of it yet
  std::string broken_;       ///< how the log was found not to end as it was left; until that is recorded
  std::uint64_t missing_ = 0;
  std::string out_;           ///< what the next write(2) gets; kept for its capacity
  std::vector<Added> added_;  ///< the lines in it
  std::size_t notices_ = 0;   ///< how many of them are the writer's own
  Hasher hasher_;

  std::mutex syncing_;      ///< guards what follows, and the head file
  Head noted_;              ///< what the head file says
  bool head_file_ = false;  ///< whether there is one of ours
  std::uint64_t reported_copies_ = 0;
  Monotonic::time_point next_report_{};

  std::unique_ptr<JournalCopy> copy_;
  std::atomic<Monotonic::time_point> turn_began_{};  ///< of whoever holds mutex_; the epoch: nobody
  std::atomic<std::uint64_t> lost_{0};               ///< records that no audit_gap has counted yet
  std::atomic<std::uint64_t> events_{0};
  std::atomic<std::uint64_t> write_errors_{0};
  std::atomic<std::uint64_t> write_calls_{0};
  std::atomic<bool> healthy_{true};
};

}  // namespace enforcer::audit
