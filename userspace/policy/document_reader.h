// Reads one object of the language: the Kubernetes envelope, then what its kind may say.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/credential_spec.h"
#include "policy/loader.h"
#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// A Policy or Guardrail, or a Credential.
using ReadObject = std::variant<PolicyDocument, CredentialSpec>;

/// The object of one YAML document; none when it is no kind that we read. An object may come back although errors were
/// reported: it then serves only to find more of them. `origin`: of the file.
[[nodiscard]] std::optional<ReadObject> read_document(const YamlNode& node, SourceOrigin origin, Reader& reader);

/// What every object has, whatever its kind.
[[nodiscard]] std::vector<FieldShape> envelope_fields();

/// What the `spec` of one kind may say.
struct KindShape {
  std::string_view kind;
  std::string_view about;
  FieldTable fields;
};
[[nodiscard]] const std::vector<KindShape>& kind_shapes();

/// The seven limits, shared by policies and nothing else: a mapping of name to number or size.
void read_limits(const YamlNode& node, LimitOverrides& limits, Reader& reader);

}  // namespace enforcer::policy
