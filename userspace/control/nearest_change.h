// The nearest change of policies that would allow what is denied. Every candidate is tried: the changed policies are
// compiled, and the same question is asked again with the same matcher. What is told is what made it an allow.
#pragma once

#include <vector>

#include "base/deadline.h"
#include "control/explain_layers.h"

namespace enforcer::control {

/// All steps of it; empty when it is not denied, or when no change that is known here allows it. First what widens a
/// rule that nearly matched, then a new rule for nothing but this question; what a deny takes out is taken out of it
/// before. Once `until` has passed no further one is tried.
[[nodiscard]] std::vector<ExplainedChange> nearest_changes(const policy::GuestPolicy& policy, const ExplainQuery& query,
                                                           const AskedLayer& denied, WallClock::time_point now,
                                                           Deadline until);

}  // namespace enforcer::control
