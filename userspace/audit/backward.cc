#include "audit/backward.h"

#include <unistd.h>

#include <algorithm>

namespace enforcer::audit {

Result<std::vector<std::string_view>> BackwardLines::step() {
  const off_t begin = std::max<off_t>(0, end_ - static_cast<off_t>(kBlock));
  block_.resize(static_cast<std::size_t>(end_ - begin));
  const ssize_t count = pread(fd_, block_.data(), block_.size(), begin);
  if (count < 0) return fail_errno("reading the audit log");
  block_.resize(static_cast<std::size_t>(count));  // shorter when the file was cut meanwhile

  std::string_view text = block_;
  if (last_line_end_ < 0) {
    const auto newline = text.rfind('\n');
    text = text.substr(0, newline == std::string_view::npos ? 0 : newline + 1);
    last_line_end_ = begin + static_cast<off_t>(text.size());
  }
  off_t first_line = begin;
  if (begin > 0) {
    // The block begins inside a line, which the next block will hold whole. A line that does not even fit a block is no
    // record: it is passed over.
    const auto newline = text.find('\n');
    if (newline != std::string_view::npos && newline + 1 < text.size()) {
      first_line = begin + static_cast<off_t>(newline) + 1;
      text.remove_prefix(newline + 1);
    }
  }
  end_ = first_line;

  std::vector<std::string_view> lines;
  while (!text.empty()) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    const auto newline = text.rfind('\n');
    const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    lines.push_back(text.substr(start));
    text = text.substr(0, start);
  }
  return lines;
}

}  // namespace enforcer::audit
