// Reads `exchange:` of a `Credential`: what its value is exchanged for.
#pragma once

#include <vector>

#include "policy/credential_exchange.h"
#include "policy/schema.h"

namespace enforcer::policy {

/// The ways of exchange, of which one stands there.
[[nodiscard]] std::vector<FieldShape> exchange_fields();

/// On a problem `into` is left alone.
void read_exchange(const YamlNode& node, CredentialExchange& into, Reader& reader);

}  // namespace enforcer::policy
