// Reads `source:` of a `Credential`: where its secret is.
#pragma once

#include <vector>

#include "policy/credential_spec.h"
#include "policy/loader.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// The sources, of which one stands there.
[[nodiscard]] std::vector<FieldShape> source_fields();

/// `origin`: of the file it stands in. On a problem `into` is left alone.
void read_source(const YamlNode& node, SourceOrigin origin, CredentialSpec::Source& into, Reader& reader);

}  // namespace enforcer::policy
