// A problem of policy files as JSON and as a line, for the verbs that find some by themselves.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "enforcerctl/terminal.h"
#include "policy/diagnostic.h"

namespace enforcer::ctl {

[[nodiscard]] nlohmann::json diagnostic_json(const policy::Diagnostic& diagnostic);

/// As compilers have it, with the severity in its colour; printable.
[[nodiscard]] std::string diagnostic_line(const Terminal& terminal, const policy::Diagnostic& diagnostic);

}  // namespace enforcer::ctl
