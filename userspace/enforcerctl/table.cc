#include "enforcerctl/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.h"
#include "base/text.h"

namespace enforcer::ctl {

Table::Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

void Table::add(std::vector<std::string> cells) {
  ENFORCER_CHECK(cells.size() == headers_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : escape_untrusted(cell);
  rows_.push_back(std::move(cells));
}

void Table::tint(std::size_t column, Colour colour) {
  ENFORCER_CHECK(!rows_.empty() && column < headers_.size());
  tints_[{rows_.size() - 1, column}] = colour;
}

std::string Table::render(Headers headers) const {
  return render(headers, nullptr);
}

std::string Table::render(Headers headers, const Terminal& terminal) const {
  return render(headers, &terminal);
}

std::string Table::render(Headers headers, const Terminal* terminal) const {
  std::vector<std::size_t> widths(headers_.size());
  const auto widen = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  };
  if (headers == Headers::kShow) widen(headers_);
  std::ranges::for_each(rows_, widen);
  std::string out;
  const auto append = [&](const std::vector<std::string>& cells, std::size_t row) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      // Colour has no width: it goes around the text, and the blanks come behind it.
      const auto tint = terminal == nullptr ? tints_.end() : tints_.find({row, i});
      line += tint == tints_.end() ? cells[i] : paint(*terminal, tint->second, cells[i]);
      line.append(widths[i] - cells[i].size() + 3, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (headers == Headers::kShow) append(headers_, rows_.size());  // no row of its own, so no tint
  for (std::size_t row = 0; row < rows_.size(); ++row) append(rows_[row], row);
  return out;
}

}  // namespace enforcer::ctl
