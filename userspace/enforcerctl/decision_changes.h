// Which decisions of the past would be others, counted: equal ones are one row.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/deadline.h"
#include "enforcerctl/history.h"
#include "enforcerctl/replay.h"
#include "enforcerctl/table.h"
#include "policy/snapshot.h"

namespace enforcer::ctl {

/// What a row shows.
struct DecisionChange {
  std::string guest, layer, target, request;
  Fate was, would_be;
  std::string rule, why;
  friend auto operator<=>(const DecisionChange&, const DecisionChange&) = default;
};
struct ChangeTimes {
  std::uint64_t count = 0;
  std::string last;
};
struct DecisionChanges {
  std::map<DecisionChange, ChangeTimes> rows;
  std::uint64_t same = 0;
  std::uint64_t changed = 0;
  std::uint64_t unknown = 0;    ///< records do not say enough
  std::uint64_t undecided = 0;  ///< no policy decides them
};

/// What came of each against what `after` would say.
[[nodiscard]] DecisionChanges changes_since(const History& history, const policy::Snapshot& after,
                                            WallClock::time_point now);
/// What `before` would say of each against what `after` would.
[[nodiscard]] DecisionChanges changes_between(const History& history, const policy::Snapshot& before,
                                              const policy::Snapshot& after, WallClock::time_point now);

[[nodiscard]] nlohmann::json change_json(const DecisionChange& change, const ChangeTimes& times);
/// Counts and "changes".
[[nodiscard]] nlohmann::json changes_json(const DecisionChanges& changes);
[[nodiscard]] Table changes_table(const DecisionChanges& changes);
/// "12 decisions asked again: 9 the same, …"
[[nodiscard]] std::string changes_line(const DecisionChanges& changes);

}  // namespace enforcer::ctl
