// Reads the matchers of a rule that speak about requests: http, git, aws, graphql, mcp.
#pragma once

#include <span>

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// The fields that make a rule speak about some requests only.
[[nodiscard]] std::span<const Field<Rule>> matcher_fields();

}  // namespace enforcer::policy
