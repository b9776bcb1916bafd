// Log: the audit file, JSON Lines, append-only.
//
// Workers hand in the records of one turn of their loop (batch.h). Under one mutex, held for the write only, each
// record gets the next sequence number and all of them go out with one write(2): a record is committed when that
// returned, and on disk at the next sync(). Sequence numbers are given at write time, so the file is in order without
// gaps, and whatever chains records can be added there.
//
// When the disk is full (or any other error): a write that came in part is taken back with ftruncate(2), so no torn
// line stays; where even that fails the next write starts with a newline, and the lines that did arrive whole keep
// their numbers. The caller is told, and denies (invariant 3). Each later write tries again; the first that works again
// begins with an `audit_gap` event that counts the records lost, so nothing disappears in silence.
//
// Rotation: before a write that would take audit.jsonl past max_bytes it becomes audit.jsonl.1, .1 becomes .2, and the
// oldest goes; max_files counts audit.jsonl too. One write is never split, so a larger one makes a larger file. Numbers
// go on, over files and over restarts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "audit/lines.h"
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
  /// Opens (0640) and locks the file, ends a line that a crash left torn, and reads the last sequence number.
  /// kConflict: another process writes it. kInvalid: the file exists and is not an audit log. kIo: the system refused.
  static Result<std::unique_ptr<Log>> open(LogOptions options);

  /// Writes the lines, all or none. Thread-safe. An error means: not recorded, deny.
  Result<> write(const Lines& lines);

  /// fdatasync of everything written before the call; blocks for as long as the disk takes and keeps no writer waiting.
  /// Also notices a file that was moved or deleted behind our back: the next write makes a new one. Thread-safe.
  Result<> sync();

  [[nodiscard]] const LogOptions& options() const { return options_; }
  /// Records written since the start, and records that could not be written. Any thread.
  [[nodiscard]] std::uint64_t events() const { return events_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t write_errors() const { return write_errors_.load(std::memory_order_relaxed); }
  /// Whether the last write worked. Any thread.
  [[nodiscard]] bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  /// write(2) calls so far, for tests and benchmarks. Any thread.
  [[nodiscard]] std::uint64_t write_calls() const { return write_calls_.load(std::memory_order_relaxed); }

 private:
  explicit Log(LogOptions options) : options_(std::move(options)) {}

  Result<> write_locked(const Lines& lines);
  Result<> make_room(std::size_t bytes);
  Result<> rotate();
  Result<> open_current();
  void add_line(std::uint64_t seq, const Lines::Line& line);
  Result<> put();
  void take_back(std::size_t written);

  const LogOptions options_;

  std::mutex mutex_;         ///< guards everything down to the atomics
  Fd file_;                  ///< none after a failed rotation: the next write opens it again
  std::vector<Fd> retired_;  ///< rotated, not yet synced
  std::uint64_t size_ = 0;   ///< of the current file
  std::uint64_t next_seq_ = 1;
  std::uint64_t lost_ = 0;              ///< records since the last write that worked
  bool torn_ = false;                   ///< the file ends inside a line that could not be taken back
  std::string out_;                     ///< what the next write(2) gets; kept for its capacity
  std::vector<std::size_t> line_ends_;  ///< offsets in out_

  std::atomic<std::uint64_t> events_{0};
  std::atomic<std::uint64_t> write_errors_{0};
  std::atomic<std::uint64_t> write_calls_{0};
  std::atomic<bool> healthy_{true};
};

}  // namespace enforcer::audit
