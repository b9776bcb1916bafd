// Manual pages as text: roff with the man macros (groff_man(7)). Beside what the programs say about themselves, so that
// whoever writes a page writes it the same way.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::config {

/// Text that roff shows as it is: no request at the start of a line, no escape; a '-' that can be copied.
[[nodiscard]] std::string roff_text(std::string_view text);

/// The same, but what stands between backticks is bold, without them.
[[nodiscard]] std::string roff_marked(std::string_view text);

struct PageHead {
  std::string_view name;  ///< "enforcerd"
  int section;            ///< 1-9
  std::string_view version;
  std::string_view summary;  ///< one line
};
/// The title and the section NAME. No date: two builds of one version are the same.
[[nodiscard]] std::string roff_head(const PageHead& head);

}  // namespace enforcer::config
