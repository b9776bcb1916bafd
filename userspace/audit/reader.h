// Reader: reads the audit log back, for `log` and `log -f`, while it is being written and rotated.
//
// It works in steps of bounded length, so that it can run on a worker: the caller reads a step, sends its lines, lets
// other handlers run, and reads the next. Once caught up, a further step looks for what was appended since (follow by
// polling, a few times a second). With Filter::last the first steps look backward from the end and yield nothing until
// the lines are found.
//
// Files are never trusted: a line that is not a record, or has a byte outside printable ASCII, is skipped and counted.
// The position only ever rests at the beginning of a line, so a line that is being written (or taken back, log.h) is
// seen whole or not at all.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/backward.h"
#include "audit/filter.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::audit {

class Reader {
 public:
  struct Step {
    std::vector<std::string> lines;  ///< records that match, oldest first, without newlines: one JSON object each
    bool caught_up = false;          ///< everything that was there has been read
  };

  /// `path` is the configured one; its rotated files belong to it. kNotFound when there is no log.
  static Result<Reader> open(std::string path, Filter filter);

  /// Reads at most 256 KiB and returns what it found there, or up to 500 lines found before. After an error the reader
  /// is of no use any more.
  Result<Step> step();

  /// Lines so far that are not records.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

 private:
  Reader(std::string path, Filter filter) : path_(std::move(path)), filter_(std::move(filter)) {}

  Result<> start_at_oldest();
  Result<> seek_last();
  std::vector<std::string> take_found();
  Result<bool> go_to_older_file();
  Result<Step> read_on();
  Result<bool> go_to_newer_file();
  [[nodiscard]] bool wants(std::string_view line);

  std::string path_;
  Filter filter_;
  Fd file_;
  off_t offset_ = 0;  ///< the beginning of a line in file_
  std::string block_;
  std::uint64_t skipped_ = 0;

  /// While Filter::last is being sought, in `older_` (none: still in file_); what was found is handed out after that.
  std::optional<BackwardLines> backward_;
  Fd older_;
  std::deque<std::string> found_;
};

}  // namespace enforcer::audit
