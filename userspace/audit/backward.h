// BackwardLines: the lines of a file from its end to its beginning, a block at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::audit {

class BackwardLines {
 public:
  static constexpr std::size_t kBlock = 256 * 1024;  ///< far more than the longest record

  /// Lines of `fd` (not owned) that end before `end`.
  BackwardLines(int fd, off_t end) : fd_(fd), end_(end) {}

  /// The lines of the next block, the newest first, without newlines; valid until the next call. What follows the last
  /// newline of the file is not a line. May be empty before at_begin().
  Result<std::vector<std::string_view>> step();

  [[nodiscard]] bool at_begin() const { return end_ == 0; }
  /// Where the last whole line of the file ends; known after the first step.
  [[nodiscard]] off_t last_line_end() const { return last_line_end_; }

 private:
  int fd_;
  off_t end_;  ///< everything from here on was returned
  off_t last_line_end_ = -1;
  std::string block_;
};

}  // namespace enforcer::audit
