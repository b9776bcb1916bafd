// Placeholders: values that only look like credentials, for the environment of a guest: tools that look for a key there
// start, and the key itself never comes near them.
//
// A placeholder is derived (SHA-256) from who the guest is, from the boot and from the variable, and from nothing
// secret: it opens nothing anywhere. It is another one for each guest and each boot, so one that turns up elsewhere
// says whose it was; it is the same one while the guest lives, whoever asks and however often enforcerd restarts; and
// nothing has to be kept.
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "policy/credential_spec.h"
#include "policy/guest_policy.h"

namespace enforcer::credentials {

/// One boot of one guest of one instance.
struct GuestBoot {
  std::string_view instance;
  std::string_view guest;
  Epoch epoch{};
};

struct PlaceholderValue {
  std::string credential;  ///< its name
  std::string variable;
  std::string value;

  friend bool operator==(const PlaceholderValue&, const PlaceholderValue&) = default;
};

/// The value of one placeholder of the credential of that name:
///   kToken   `format`, with "enforcer-" and 32 of [a-z2-7] in place of its first "{}"
///   kId      "ENFORCER" and 12 of [A-Z2-7]: as long as AWS's access key ids, with a beginning that none of them has
///   kSecret  40 of [A-Za-z0-9]
[[nodiscard]] std::string placeholder_value(const GuestBoot& boot, std::string_view credential,
                                            const policy::CredentialSpec::Placeholder& placeholder);

/// Those of all credentials that the policy may add to the guest's requests, sorted by the credential's name. Where two
/// want the same variable, the first has it.
[[nodiscard]] std::vector<PlaceholderValue> placeholders_for(const GuestBoot& boot, const policy::GuestPolicy& policy);

}  // namespace enforcer::credentials
