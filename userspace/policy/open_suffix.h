// OpenSuffix: where a policy lets a guest make up names. Each name that a wildcard lets through is a message that the
// guest chose, to whoever runs the DNS of that domain; so such names are counted for each suffix (limits:
// distinctNamesPerHour), and names that a rule spells out are not.
#pragma once

#include <optional>
#include <string>

#include "base/host_name.h"
#include "policy/guest_policy.h"

namespace enforcer::policy {

/// What stands behind the wildcard of the allow or review rule by which the policy knows this name ("wild.test" for
/// `*.wild.test`, "" for `**`); of several the shortest, so that nested wildcards share one budget. Nothing: a rule
/// names the host exactly, or none names it.
[[nodiscard]] std::optional<std::string> open_suffix(const GuestPolicy& policy, const HostName& host);

}  // namespace enforcer::policy
