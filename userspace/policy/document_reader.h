// Reads one object of the language: the Kubernetes envelope, then what its kind may say.
#pragma once

#include <optional>

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// The Policy or Guardrail of one YAML document; none when it is neither. A document may come back although errors were
/// reported: it then serves only to find more of them.
[[nodiscard]] std::optional<PolicyDocument> read_document(const YamlNode& node, Reader& reader);

/// The seven limits, shared by policies and nothing else: a mapping of name to number or size.
void read_limits(const YamlNode& node, LimitOverrides& limits, Reader& reader);

}  // namespace enforcer::policy
