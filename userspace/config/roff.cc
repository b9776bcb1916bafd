#include "config/roff.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"

namespace enforcer::config {

std::string roff_text(std::string_view text) {
  constexpr std::string_view kEllipsis = "…";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins = i == 0 || text[i - 1] == '\n';
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (text.substr(i).starts_with(kEllipsis)) {
      out += "...";
      i += kEllipsis.size() - 1;
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_marked(std::string_view text) {
  std::string out;
  for (bool bold = false;; bold = !bold) {
    const auto mark = text.find('`');
    out += roff_text(text.substr(0, mark));
    if (mark == std::string_view::npos) return out;
    out += bold ? "\\fR" : "\\fB";
    text.remove_prefix(mark + 1);
  }
}

std::string roff_head(const PageHead& head) {
  std::string title(head.name);
  std::ranges::transform(title, title.begin(),
                         [](char c) { return ascii::is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; });
  return fmt::format(".TH {} {} \"\" \"Enforcer {}\"\n.SH NAME\n{} \\- {}\n", roff_text(title), head.section,
                     head.version, roff_text(head.name), roff_text(head.summary));
}

}  // namespace enforcer::config
