// Token endpoints: requests that make a new token or key out of the credential they carry.
//
// What such a request brings back is a secret that the guest holds itself: it works without us, beyond the rule, and
// after the guest is gone. So they are denied where a credential is added, unless a rule says `mintTokens: true`.
//
// The list is of what is documented by those who run the services. It is a net under the rule's own limits and no
// replacement for them: an API that nobody here has heard of may have an endpoint of its own.
#pragma once

#include <span>
#include <string>

#include "policy/facts.h"

namespace enforcer::policy {

/// By method and path, whatever the host: GitHub, GitLab, Vault and the servers of OAuth run under many names. Paths
/// are read as objections read them (request_matcher.h).
[[nodiscard]] bool is_token_endpoint(const RequestFacts& request);

/// By what is asked of AWS. `services`: those that the credential may sign for; what cannot be told is a call to one of
/// them, and to an action that mints.
[[nodiscard]] bool is_minting_call(const RequestFacts& request, std::span<const std::string> services);

}  // namespace enforcer::policy
