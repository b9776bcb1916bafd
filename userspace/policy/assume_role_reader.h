// Reads `assumeRole:` of an `exchange`.
#pragma once

#include <optional>

#include "policy/credential_exchange.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// None when anything was wrong.
[[nodiscard]] std::optional<AssumeRoleExchange> read_assume_role(const YamlNode& node, Reader& reader);

}  // namespace enforcer::policy
