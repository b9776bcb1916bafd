// Reads `assumeRole:` of an `exchange`.
#pragma once

#include <optional>
#include <vector>

#include "policy/credential_exchange.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// What `assumeRole` may say.
[[nodiscard]] std::vector<FieldShape> assume_role_fields();

/// None when anything was wrong.
[[nodiscard]] std::optional<AssumeRoleExchange> read_assume_role(const YamlNode& node, Reader& reader);

}  // namespace enforcer::policy
