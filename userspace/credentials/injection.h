// Injection: a secret is put into a request, in place of whatever the guest put there.
//
// On a route with a credential the guest speaks with ours and with no other: an allowed host must not become somebody
// else's upload account. So its own credentials go first, in every place and spelling an origin might read, and then
// exactly one value is added. What Connection nominates cannot remove it: those fields went when the head was parsed.
//
// Pure. The value is in the head afterwards: whoever serialises it wipes what it has sent (base/secret.h).
#pragma once

#include "base/secret.h"
#include "http/request_head.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

/// kInvalid, and the head is unchanged: the value or the binding cannot be written in this place (a control character
/// in a header, a user name with ':'). The message holds no byte of the value.
Result<> inject(const policy::CredentialSpec::Injection& binding, const Secret& secret, http::RequestHead& head);

/// The first half alone: removes the fields and query parameters in which a guest could bring credentials of its own.
void remove_own_credentials(http::RequestHead& head);

}  // namespace enforcer::credentials
