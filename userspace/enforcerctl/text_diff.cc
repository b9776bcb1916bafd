// What both texts begin and end with is taken off first; between, a table of the longest common subsequence of every
// pair of remainders says which lines stay. Policies are short, so the table is, and where it would not be it is not
// made.
#include "enforcerctl/text_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace enforcer::ctl {
namespace {

using TextLines = std::vector<std::string_view>;

constexpr std::size_t kContext = 3;           ///< lines around a change
constexpr std::size_t kMostCells = 16 << 20;  ///< of the table: 64 MiB

TextLines text_lines(std::string_view text) {
  TextLines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// One line of the difference: kept, or of one text only.
struct Step {
  char mark;  ///< ' ', '-', '+'
  std::string_view line;
};

void add_changed(const TextLines& before, const TextLines& after, std::vector<Step>& steps) {
  const std::size_t rows = before.size();
  const std::size_t columns = after.size();
  if (rows == 0 || columns == 0 || rows > kMostCells / columns) {
    for (const auto line : before) steps.push_back({'-', line});
    for (const auto line : after) steps.push_back({'+', line});
    return;
  }
  // common[i][j]: how many lines can stay of before[i…] and after[j…].
  std::vector<std::uint32_t> common((rows + 1) * (columns + 1));
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
  for (std::size_t i = rows; i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;)
      at(i, j) = before[i] == after[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i] == after[j]) {
      steps.push_back({' ', before[i]});
      ++i, ++j;
    } else if (j == columns || (i < rows && at(i + 1, j) >= at(i, j + 1))) {
      steps.push_back({'-', before[i++]});
    } else {
      steps.push_back({'+', after[j++]});
    }
  }
}

std::vector<Step> steps_between(const TextLines& before, const TextLines& after) {
  const auto [left, right] = std::ranges::mismatch(before, after);
  const auto head = static_cast<std::size_t>(left - before.begin());
  std::size_t tail = 0;
  while (tail < std::min(before.size(), after.size()) - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Step> steps;
  for (std::size_t i = 0; i < head; ++i) steps.push_back({' ', before[i]});
  const auto middle = [&](const TextLines& lines) {
    return TextLines(lines.begin() + static_cast<std::ptrdiff_t>(head),
                     lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  add_changed(middle(before), middle(after), steps);
  for (std::size_t i = before.size() - tail; i < before.size(); ++i) steps.push_back({' ', before[i]});
  return steps;
}

/// "3", "3,2"; where nothing is, the line before it ("2,0").
std::string range_text(std::size_t first, std::size_t count) {
  if (count == 1) return std::to_string(first + 1);
  return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

}  // namespace

std::string unified_diff(const NamedText& before, const NamedText& after) {
  const std::vector<Step> steps = steps_between(text_lines(before.text), text_lines(after.text));
  std::string out;
  std::size_t old_line = 0;
  std::size_t new_line = 0;
  std::size_t at = 0;
  while (at < steps.size()) {
    if (steps[at].mark == ' ') {
      ++at, ++old_line, ++new_line;
      continue;
    }
    // A hunk goes on until more lines than twice the context stay.
    std::size_t end = at;
    for (std::size_t i = at; i < steps.size() && i - end <= 2 * kContext; ++i) {
      if (steps[i].mark != ' ') end = i + 1;
    }
    const std::size_t lead = std::min(kContext, at);
    const std::size_t trail = std::min(kContext, steps.size() - end);
    std::string body;
    std::size_t removed = 0;
    std::size_t added = 0;
    for (std::size_t i = at - lead; i < end + trail; ++i) {
      body += fmt::format("{}{}\n", steps[i].mark, steps[i].line);
      removed += steps[i].mark != '+' ? 1 : 0;
      added += steps[i].mark != '-' ? 1 : 0;
    }
    out += fmt::format("@@ -{} +{} @@\n{}", range_text(old_line - lead, removed), range_text(new_line - lead, added),
                       body);
    for (; at < end; ++at) {
      old_line += steps[at].mark != '+' ? 1 : 0;
      new_line += steps[at].mark != '-' ? 1 : 0;
    }
  }
  return out.empty() ? out : fmt::format("--- {}\n+++ {}\n{}", before.name, after.name, out);
}

}  // namespace enforcer::ctl
