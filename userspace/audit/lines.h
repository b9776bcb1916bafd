// Lines: bodies of records (record.h) on their way to the log, in one buffer that is reused turn after turn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"

namespace enforcer::audit {

class Lines {
 public:
  struct Line {
    WallClock::time_point time;
    std::string_view body;
  };

  /// Appends one line; `write_body(std::string&)` appends its body.
  template <class WriteBody>
  void add(WallClock::time_point time, WriteBody&& write_body) {
    write_body(text_);
    ends_.push_back({time, text_.size()});
  }

  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] bool empty() const { return ends_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return text_.size(); }
  [[nodiscard]] Line at(std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1].end;
    return {ends_[index].time, std::string_view(text_).substr(begin, ends_[index].end - begin)};
  }
  void clear() {
    text_.clear();
    ends_.clear();
  }

 private:
  struct End {
    WallClock::time_point time;
    std::size_t end;
  };
  std::string text_;
  std::vector<End> ends_;
};

}  // namespace enforcer::audit
