// What only shows when a policy is looked at as a whole: rules that contradict, cover or defeat each other, and
// spec.tests.
#pragma once

#include <memory>
#include <span>

#include "policy/credential_spec.h"
#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// Errors and lints between the rules of one document that is right in itself.
void check_document(const PolicyDocument& document, Reader& reader);

/// Evaluates spec.tests against the policy and the given guardrails; what nobody looks at (graphql, mcp) is left out.
/// As if nothing had expired: the passing of time must not make a policy unloadable.
void run_tests(const std::shared_ptr<const PolicyDocument>& document,
               std::span<const std::shared_ptr<const PolicyDocument>> guardrails,
               const std::shared_ptr<const Credentials>& credentials, Reader& reader);

}  // namespace enforcer::policy
