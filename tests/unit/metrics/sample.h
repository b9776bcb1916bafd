// What the tests of the counters share: a denial, and reading single samples out of an exposition.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/decision.h"

namespace enforcer::metrics {

inline policy::Decision denied_by(const policy::RuleInfo& rule) {
  return {.action = policy::Action::kDeny, .reason = policy::Reason::kRule, .rule = &rule, .would = {}};
}

/// The value of one series, written as in the text: `enforcer_guests{state="running"}`; none when it is not there.
inline std::optional<std::string> sample(std::string_view text, std::string_view series) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    const std::string_view line = text.substr(begin, end - begin);
    if (line.starts_with(series) && line.substr(series.size()).starts_with(' ')) {
      return std::string(line.substr(series.size() + 1));
    }
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return std::nullopt;
}

/// How many series begin like this: `enforcer_denied_total{guest="a"`.
inline std::size_t series_count(std::string_view text, std::string_view prefix) {
  std::size_t count = 0;
  for (std::size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') ++count;
  }
  return count;
}

}  // namespace enforcer::metrics
