// Reads `inject:` of a `Credential`: where its value may go, and in which place of a request.
#pragma once

#include <vector>

#include "policy/credential_spec.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// What an entry may say, and which of it belongs to which `as`.
[[nodiscard]] std::vector<FieldShape> injection_fields();
extern const Belongings kInjectionBelongings;

/// Appends; entries whose `as` is not known are left out.
void read_injections(const YamlNode& node, std::vector<CredentialSpec::Injection>& into, Reader& reader);

}  // namespace enforcer::policy
