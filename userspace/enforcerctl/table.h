// A table for people: columns as wide as their longest cell. Every cell is escaped here, so that no verb can forget it
// (invariant 10: guest-controlled text never reaches a terminal unescaped).
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "enforcerctl/terminal.h"

namespace enforcer::ctl {

enum class Headers { kShow, kHide };

class Table {
 public:
  explicit Table(std::vector<std::string> headers);
  /// As many cells as headers; an empty one is shown as "-".
  void add(std::vector<std::string> cells);
  /// The last row's cell in that column is shown in a colour, where the terminal has any.
  void tint(std::size_t column, Colour colour);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(Headers headers) const;
  /// The same with its tints.
  [[nodiscard]] std::string render(Headers headers, const Terminal& terminal) const;

 private:
  [[nodiscard]] std::string render(Headers headers, const Terminal* terminal) const;

  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
  std::map<std::pair<std::size_t, std::size_t>, Colour> tints_;  ///< by row and column
};

}  // namespace enforcer::ctl
