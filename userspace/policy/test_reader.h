// Reads spec.tests: what a policy's author promises about it.
#pragma once

#include <vector>

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// What a test may say.
[[nodiscard]] std::vector<FieldShape> test_fields();

void read_tests(const YamlNode& node, PolicyDocument& document, Reader& reader);

}  // namespace enforcer::policy
