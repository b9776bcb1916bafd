#include "enforcerctl/text_lines.h"

#include <algorithm>

namespace enforcer::ctl {

std::vector<std::string_view> file_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> words_of(std::string_view text) {
  static constexpr std::string_view kBetween = " \t\r\n";
  std::vector<std::string_view> words;
  for (auto at = text.find_first_not_of(kBetween); at != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kBetween, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBetween, end);
  }
  return words;
}

}  // namespace enforcer::ctl
