// JSON Schema (draft-07) for editors, from the tables that the loader reads by.
//
// Scalars are texts for the loader and values with a type for an editor: `approvals: 2` and `approvals: "2"` are the
// same file. So the schema takes both, and a text may be what YAML calls a number where that number would be a valid
// text. What needs more than one key to judge is the loader's alone: `enforcerctl policy check` says it.
#pragma once

#include <string>

namespace enforcer::pages {

/// For files with policies and credentials: one object of any kind.
[[nodiscard]] std::string policy_schema();

/// For enforcer.yaml.
[[nodiscard]] std::string config_schema();

}  // namespace enforcer::pages
