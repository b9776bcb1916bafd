#include "http/head_scanner.h"

namespace enforcer::http {
namespace {

bool is_forbidden(std::uint8_t octet) {
  return (octet < 0x20 && octet != '\t' && octet != '\r' && octet != '\n') || octet == 0x7f;
}

}  // namespace

HeadScanner::State HeadScanner::scan(Bytes buffered) {
  for (; scanned_ < buffered.size(); ++scanned_) {
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
