// Filter: which records `log` shows. All conditions must hold; what is not set does not count.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"

namespace enforcer::audit {

struct Filter {
  std::string guest{};
  std::string decision_id{};
  std::string host{};                    ///< the record's host or SNI, exactly
  std::string rule{};                    ///< "policy/rule"
  std::string layer{};                   ///< "dns", "l4", "tls", "http"
  std::string type{};                    ///< "decision", "end", "event", "datapath", "review"
  std::vector<std::string> decisions{};  ///< any of "allow", "review", "deny"
  std::optional<WallClock::time_point> since{};
  std::string reason{};  ///< label of a policy::Reason
  std::size_t last = 0;  ///< of what is there already, only the last so many; 0: all

  /// Whether one line of the log (without its newline) passes. `last` is the reader's business.
  [[nodiscard]] bool matches(std::string_view line) const;
};

}  // namespace enforcer::audit
