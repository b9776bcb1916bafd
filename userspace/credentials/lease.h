// Lease: the value of a credential for one request, with what its response is searched for.
#pragma once

#include <memory>
#include <string_view>

#include "base/secret.h"
#include "credentials/needles.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

/// May be used and dropped on any thread; stays valid after a change, and is kept for one request, not longer.
struct Lease {
  std::shared_ptr<const Secret> value;
  std::shared_ptr<const Needles> needles;
};

/// What answers to requests with this value are searched for: the value, also as Basic and the query have it, because
/// an echo may be encoded once more; of keys that sign, those parts that are secret, and `signature`, where one goes
/// along that whoever has it can use without them (a presigned URL); empty: none does. Errors as Needles::make().
Result<std::shared_ptr<const Needles>> needles_for(const policy::CredentialSpec& spec, const Secret& value,
                                                   std::string_view signature = {});

}  // namespace enforcer::credentials
