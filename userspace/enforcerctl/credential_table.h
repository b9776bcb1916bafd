// Credentials as a table for people, never their values: the daemon gives none out.
#pragma once

#include <vector>

#include "control/api.h"
#include "enforcerctl/table.h"

namespace enforcer::ctl {

/// One row for each credential, in the daemon's order.
[[nodiscard]] Table credential_table(const std::vector<control::CredentialInfo>& credentials);

}  // namespace enforcer::ctl
