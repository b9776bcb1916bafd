// A problem of policy files as JSON, for the verbs that find some by themselves.
#pragma once

#include <nlohmann/json.hpp>

#include "policy/diagnostic.h"

namespace enforcer::ctl {

[[nodiscard]] nlohmann::json diagnostic_json(const policy::Diagnostic& diagnostic);

}  // namespace enforcer::ctl
