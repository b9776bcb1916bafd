// What the indexes hold and what a look-up yields: entries that say "this rule names this host or block, on this port".
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace enforcer::policy {

struct TargetEntry {
  std::uint32_t rule = 0;  ///< its number in the compiled policy
  Port port{};             ///< 0: every port
  bool except = false;     ///< takes the rule out instead of making it match

  [[nodiscard]] bool every_port() const { return port == Port{0}; }
  [[nodiscard]] bool has_port(Port asked) const { return asked != Port{0} && (every_port() || port == asked); }
};

/// Where the indexes collect: each run is sorted by rule. At most a few runs per label of the name, whatever the number
/// of rules.
struct MatchList {
  std::vector<std::span<const TargetEntry>> runs;
  std::size_t steps = 0;  ///< look-ups done, for the test that the cost does not depend on the number of rules

  void add(const std::vector<TargetEntry>& entries) {
    if (!entries.empty()) runs.emplace_back(entries);
  }
  /// Calls `visit(entry)` for each entry of one rule.
  template <class Visit>
  void for_rule(std::uint32_t rule, Visit visit) const {
    for (const auto run : runs) {
      for (auto it = std::ranges::lower_bound(run, rule, {}, &TargetEntry::rule); it != run.end() && it->rule == rule;
           ++it) {
        visit(*it);
      }
    }
  }
};

/// Hashing that takes a std::string key and looks it up by std::string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

}  // namespace enforcer::policy
