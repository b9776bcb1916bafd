// Reads the spec of a `Credential`: where its secret comes from, what it is exchanged for, where it may go, and what a
// guest sees instead.
#pragma once

#include <vector>

#include "policy/credential_spec.h"
#include "policy/loader.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// What the spec of a Credential may say.
[[nodiscard]] std::vector<FieldShape> credential_fields();

/// `into` has its name and place already. `origin`: of the file it stands in.
void read_credential(const YamlNode& spec, SourceOrigin origin, CredentialSpec& into, Reader& reader);

}  // namespace enforcer::policy
