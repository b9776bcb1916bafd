// Whom the guest's programs trust: the CAs of the image and the one that the host names, which signs for the origins
// whose TLS the host looks into.
#pragma once

#include <string_view>

#include "base/result.h"

namespace enforcer::guest {

/// Makes every later command trust the certificates in `pem`, in place of those of an earlier call: a file of their
/// own, the system's bundle, and variables for the programs that read neither. kInvalid: something else than PEM
/// certificates is in it, and nothing has changed.
Result<> trust(std::string_view pem);

}  // namespace enforcer::guest
