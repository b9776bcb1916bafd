#include "enforcerctl/decision_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace enforcer::ctl {
namespace {

void count_decision(DecisionChanges& changes, const PastDecision& past, std::optional<Fate> was,
                    const std::optional<Replayed>& would_be) {
  if (!was || !would_be || would_be->fate == *was) {
    (was && would_be ? changes.same : changes.undecided) += past.count;
    return;
  }
  const bool known = would_be->fate != Fate::kUnknown && *was != Fate::kUnknown;
  (known ? changes.changed : changes.unknown) += past.count;
  const std::string request = past.what.method.empty() ? "" : past.what.method + " " + past.what.path;
  ChangeTimes& times = changes.rows[{past.what.guest, past.what.layer, past.target(), request, *was, would_be->fate,
                                     would_be->rule, would_be->why}];
  times.count += past.count;
  times.last = std::max(times.last, past.last);
}

}  // namespace

DecisionChanges changes_since(const History& history, const policy::Snapshot& after, WallClock::time_point now) {
  DecisionChanges changes;
  for (const PastDecision& past : history.decisions())
    count_decision(changes, past, past_fate(past), replay(past, after, now));
  return changes;
}

DecisionChanges changes_between(const History& history, const policy::Snapshot& before, const policy::Snapshot& after,
                                WallClock::time_point now) {
  DecisionChanges changes;
  for (const PastDecision& past : history.decisions()) {
    const auto was = replay(past, before, now);
    count_decision(changes, past, was ? std::optional(was->fate) : std::nullopt, replay(past, after, now));
  }
  return changes;
}

nlohmann::json change_json(const DecisionChange& change, const ChangeTimes& times) {
  return {{"time", times.last},       {"count", times.count},
          {"guest", change.guest},    {"layer", change.layer},
          {"target", change.target},  {"request", change.request},
          {"was", label(change.was)}, {"would_be", label(change.would_be)},
          {"rule", change.rule},      {"why", change.why}};
}

nlohmann::json changes_json(const DecisionChanges& changes) {
  nlohmann::json answer = {{"same", changes.same},
                           {"changed", changes.changed},
                           {"unknown", changes.unknown},
                           {"undecided", changes.undecided},
                           {"changes", nlohmann::json::array()}};
  for (const auto& [change, times] : changes.rows) answer["changes"].push_back(change_json(change, times));
  return answer;
}

Table changes_table(const DecisionChanges& changes) {
  Table table({"LAST", "COUNT", "GUEST", "TARGET", "REQUEST", "WAS", "WOULD BE", "RULE", "WHY"});
  for (const auto& [change, times] : changes.rows) {
    table.add({times.last, std::to_string(times.count), change.guest, change.target, change.request,
               std::string(label(change.was)), std::string(label(change.would_be)), change.rule, change.why});
  }
  return table;
}

std::string changes_line(const DecisionChanges& changes) {
  return fmt::format("{} decisions asked again: {} the same, {} changed, {} unknown; {} that no policy decides",
                     changes.same + changes.changed + changes.unknown + changes.undecided, changes.same,
                     changes.changed, changes.unknown, changes.undecided);
}

}  // namespace enforcer::ctl
