// What only shows when a policy is looked at as a whole: rules that contradict, cover or defeat each other.
#pragma once

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// Errors and lints between the rules of one document that is right in itself.
void check_document(const PolicyDocument& document, Reader& reader);

}  // namespace enforcer::policy
