// Reads the rules of a Policy or Guardrail: what each list's rules may say, and what a rule must not say all at once.
#pragma once

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// Reads one list (`allow:`, `review:`, `deny:`, `ceiling:`) and appends its rules to the document, whose kind and name
/// are known.
void read_rules(const YamlNode& node, RuleList list, PolicyDocument& document, Reader& reader);

/// What a rule of this list may say.
[[nodiscard]] std::vector<FieldShape> fields_of_rules(RuleList list);
template <RuleList list>
std::vector<FieldShape> rule_fields() {
  return fields_of_rules(list);
}

inline constexpr Shape kTargetShape = shape::text("host or address block").like("api.example.com");

/// Reads `to:` or `except:`. Entries that are wrong are reported and left out.
void read_targets(const YamlNode& node, std::string_view what, PortDefault without_port, std::vector<Target>& into,
                  Reader& reader);

}  // namespace enforcer::policy
