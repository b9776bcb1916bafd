#include "enforcerctl/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.h"
#include "base/text.h"

namespace enforcer::ctl {
namespace {

void append_row(std::string& out, const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += fmt::format("{:<{}}   ", cells[i], widths[i]);
  line.erase(line.find_last_not_of(' ') + 1);
  out += line;
  out += '\n';
}

}  // namespace

Table::Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

void Table::add(std::vector<std::string> cells) {
  ENFORCER_CHECK(cells.size() == headers_.size());
  for (std::string& cell : cells) cell = cell.empty() ? "-" : escape_untrusted(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(Headers headers) const {
  std::vector<std::size_t> widths(headers_.size());
  const auto widen = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  };
  if (headers == Headers::kShow) widen(headers_);
  std::ranges::for_each(rows_, widen);
  std::string out;
  if (headers == Headers::kShow) append_row(out, headers_, widths);
  for (const auto& row : rows_) append_row(out, row, widths);
  return out;
}

}  // namespace enforcer::ctl
