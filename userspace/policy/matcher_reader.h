// The matchers of a rule that speak about requests (http, git, aws, graphql, mcp): their shape is checked, so that a
// policy that loads today means the same when requests can be seen; what they match is for then. Until then such a rule
// denies.
#pragma once

#include <span>

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// The fields that make a rule speak about some requests only.
[[nodiscard]] std::span<const Field<Rule>> matcher_fields();

}  // namespace enforcer::policy
