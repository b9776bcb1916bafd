// The nearest change of policies that would allow what is denied: the one that opens least beside it. Every candidate
// is tried: the changed policies are compiled, and the same question is asked again with the same matcher. What is told
// is what made it an allow, drew no new error or warning, and failed no test of the policies' own.
#pragma once

#include <vector>

#include "base/deadline.h"
#include "control/explain_layers.h"

namespace enforcer::control {

struct NearestChange {
  std::vector<ExplainedChange> steps;  ///< all of it, as far as it was found
  bool allows = false;                 ///< with these steps it is not denied
};

/// No steps when it is not denied. Of a request: a rule for nothing but it. Of a connection: a rule that one field
/// stopped, widened where that opens no more than a rule of its own would, or else that. A deny rule in the way is for
/// a person to narrow, and is named as the first step; the rest is what would then be needed. Once `until` has passed
/// no further candidate is tried.
[[nodiscard]] NearestChange nearest_change(const policy::GuestPolicy& policy, const ExplainQuery& query,
                                           const AskedLayer& denied, WallClock::time_point now, Deadline until);

}  // namespace enforcer::control
