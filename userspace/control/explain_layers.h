// The questions of the data path about one connection or request, in its order, and their answers.
#pragma once

#include <vector>

#include "control/explain.h"
#include "policy/decide.h"

namespace enforcer::control {

struct AskedLayer {
  policy::Facts facts;
  policy::Decision decision;  ///< lives as long as the policy that was asked
};

/// From the first layer that is asked to the one that decides; never empty. A literal address has met the address guard
/// in the last one.
[[nodiscard]] std::vector<AskedLayer> ask_layers(const policy::GuestPolicy& policy, const ExplainTarget& target,
                                                 WallClock::time_point now);

}  // namespace enforcer::control
