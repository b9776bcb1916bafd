// A table for people: columns as wide as their longest cell. Every cell is escaped here, so that no verb can forget it
// (invariant 10: guest-controlled text never reaches a terminal unescaped).
#pragma once

#include <string>
#include <vector>

namespace enforcer::ctl {

enum class Headers { kShow, kHide };

class Table {
 public:
  explicit Table(std::vector<std::string> headers);
  /// As many cells as headers; an empty one is shown as "-".
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(Headers headers) const;

 private:
  std::vector<std::string> headers_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace enforcer::ctl
