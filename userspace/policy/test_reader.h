// Reads spec.tests: what a policy's author promises about it.
#pragma once

#include <vector>

#include "policy/policy_document.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// What a test may say.
[[nodiscard]] std::vector<FieldShape> test_fields();

void read_tests(const YamlNode& node, PolicyDocument& document, Reader& reader);

/// A test's question in one line, from the text of a `connect` or of a `request`. Errors are reported at `place`.
/// "api.github.com:443" or "[2001:db8::1]:443"
void parse_connect(std::string_view text, Place place, PolicyTest& into, Reader& reader);
/// "GET https://api.github.com/repos/acme/w"
void parse_request(std::string_view text, Place place, PolicyTest& into, Reader& reader);

}  // namespace enforcer::policy
