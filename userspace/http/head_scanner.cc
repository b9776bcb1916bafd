#include "http/head_scanner.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace enforcer::http {
namespace {

bool is_forbidden(std::uint8_t octet) {
  return (octet < 0x20 && octet != '\t' && octet != '\r' && octet != '\n') || octet == 0x7f;
}

/// Counts octets in front of the first control character (here tab, CR and LF are such, too), eight at once: the last
/// few, which are no whole eight, are not counted.
std::size_t count_plain(Bytes octets) {
  static_assert(std::endian::native == std::endian::little, "the first octet is the lowest");
  constexpr std::uint64_t kEach = 0x0101010101010101;
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= octets.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, octets.data() + at, sizeof eight);
    const std::uint64_t deletes = eight ^ 0x7f * kEach;
    // The lowest bit that is set is right; those above it may stem from a borrow.
    const std::uint64_t controls = (((eight - 0x20 * kEach) & ~eight) | ((deletes - kEach) & ~deletes)) & 0x80 * kEach;
    if (controls != 0) return at + static_cast<std::size_t>(std::countr_zero(controls)) / 8;
  }
  return at;
}

}  // namespace

HeadScanner::State HeadScanner::scan(Bytes buffered) {
  const Bytes fitting = buffered.first(std::min(buffered.size(), kMaxHead));
  for (; scanned_ < buffered.size(); ++scanned_) {
    // Behind the first octet of a line, and not behind CR, nothing but a control character matters.
    if (scanned_ > line_start_ && buffered[scanned_ - 1] != '\r') {
      scanned_ += count_plain(fitting.subspan(scanned_));
      if (scanned_ == buffered.size()) break;
    }
    if (scanned_ == kMaxHead) return State::kTooLarge;
    const std::uint8_t octet = buffered[scanned_];
    const bool after_cr = scanned_ > 0 && buffered[scanned_ - 1] == '\r';
    if (is_forbidden(octet)) return malformed("control character");
    if (after_cr != (octet == '\n')) return malformed(after_cr ? "bare CR" : "bare LF");
    if (scanned_ == line_start_ && (octet == ' ' || octet == '\t')) {
      return malformed(lines_ > 0 ? "folded line" : "blank before the first line");
    }
    if (octet != '\n') continue;
    const bool empty_line = scanned_ == line_start_ + 1;
    line_start_ = scanned_ + 1;
    if (empty_line) {
      if (lines_ == 0) return malformed("empty line before the first line");
      ++scanned_;
      return State::kComplete;
    }
    if (++lines_ > kMaxFields + 1) return State::kTooLarge;
  }
  return State::kMore;
}

HeadScanner::State HeadScanner::malformed(std::string_view why) {
  fault_ = why;
  return State::kMalformed;
}

}  // namespace enforcer::http
