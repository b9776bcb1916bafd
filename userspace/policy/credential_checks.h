// What only shows when rules and the credentials that they name are looked at together.
#pragma once

#include "policy/credential_spec.h"
#include "policy/loader.h"
#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// Errors and lints of one document's rules. A policy never widens where a secret goes: the credential's own `inject`
/// does that, and what can never be is an error here instead of a denial later.
void check_credentials(const PolicyDocument& document, const Credentials& credentials, Completeness completeness,
                       Reader& reader);

}  // namespace enforcer::policy
