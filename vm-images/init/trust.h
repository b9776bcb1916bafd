// Whom the guest's programs trust: the CAs of the image and the one that the host names, which signs for the origins
// whose TLS the host looks into.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer::guest {

/// Makes every later command trust the certificates in `pem`, in place of those of an earlier call: a file of their
/// own, the system's bundle, its folder of certificates, Java's, and variables for the programs that read none of
/// these. kInvalid: something else than PEM certificates is in it, and nothing has changed. What only some programs
/// read and could not be written is said on the console.
Result<> trust(std::string_view pem);

/// The names of those variables.
std::vector<std::string_view> trust_variables();

}  // namespace enforcer::guest
