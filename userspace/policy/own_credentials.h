// Own credentials: the places of a request in which a guest may bring a credential of its own.
//
// On a route with a credential they are emptied before ours goes in (credentials/injection.h), and a rule with
// `foreignCredentials: deny` denies the request: an allowed host must not become somebody else's upload account. Only
// the head is looked at; a password in a body is not seen.
#pragma once

#include <string_view>

#include "base/host_name.h"
#include "policy/facts.h"

namespace enforcer::policy {

/// Services take credentials in a field of this name; as FieldFact has it, and http::comparable_name().
[[nodiscard]] bool is_credential_field(std::string_view name);

/// The same for a parameter of the query; as comparable_parameter() spells it. `host`: where the request goes, null for
/// an address. "key" is one at Google, whose APIs take their API keys in it; elsewhere it names what is asked for.
[[nodiscard]] bool is_credential_parameter(std::string_view name, const HostName* host);

/// A field or parameter of those is there, or the parts of a signature that is a credential in itself: a presigned URL.
/// The facts are those of a request.
[[nodiscard]] bool brings_credential(const Facts& facts);

}  // namespace enforcer::policy
