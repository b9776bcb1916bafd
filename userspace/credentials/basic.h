// The Basic authentication scheme (RFC 7617): of requests to origins, and of CONNECT to a proxy.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace enforcer::credentials {

/// "Authenticating as a GitHub App installation", and what a personal token takes as well.
inline constexpr std::string_view kGithubUser = "x-access-token";

/// "Basic base64(username:SECRET)", without ':' in the user name. The caller wipes it (base/secret.h).
[[nodiscard]] std::string basic_authorization(std::string_view username, const Secret& secret);

}  // namespace enforcer::credentials
