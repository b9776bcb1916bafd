// The lines in which two texts differ, in the unified format (POSIX diff -u).
#pragma once

#include <string>
#include <string_view>

namespace enforcer::ctl {

struct NamedText {
  std::string_view name;  ///< what the head of the difference calls it
  std::string_view text;
};

/// Empty when the texts are equal. The shortest list of changed lines, but for texts with thousands of them, of which
/// the middle is told as one change. A last line without its end counts as one with it.
[[nodiscard]] std::string unified_diff(const NamedText& before, const NamedText& after);

}  // namespace enforcer::ctl
