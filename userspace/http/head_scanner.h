// HeadScanner: finds the empty line that ends a head, and refuses on the way whatever some parsers take for a line end
// and others do not: bare CR, bare LF, NUL and other controls, folded lines (attack: header smuggling). What passes is
// safe to give to any parser. Requests and responses have this in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace enforcer::http {

/// The most bytes of one head, first line and empty line included.
inline constexpr std::size_t kMaxHead = std::size_t{64} * 1024;
/// The most header fields of one head.
inline constexpr std::size_t kMaxFields = 256;

class HeadScanner {
 public:
  enum class State : std::uint8_t { kMore, kComplete, kTooLarge, kMalformed };

  /// `buffered` is everything received from the first byte of the head on, growing from call to call; it may hold more
  /// than the head. What one call has passed, the next does not look at again. A sender that ends lines with LF alone
  /// is refused at once instead of at its deadline.
  State scan(Bytes buffered);

  /// After kComplete: how many bytes the head took.
  [[nodiscard]] std::size_t size() const { return scanned_; }
  /// After kMalformed: a constant text.
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  State malformed(std::string_view why);

  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  std::string_view fault_;
};

}  // namespace enforcer::http
