// OwnRule: the fields of a rule for nothing but one question: its host and port, and of its request all that a rule can
// say: method, path and query, the push with its refs, the action of AWS.
#pragma once

#include <optional>
#include <string>

#include "control/explain.h"

namespace enforcer::control {

/// As a double-quoted scalar (YAML 1.2.2, 7.3.1): JSON is one.
[[nodiscard]] std::string quoted(const std::string& text);

/// What is asked about, as an entry of a list of targets: "api.github.com:443", "[2001:db8::1]:22".
[[nodiscard]] std::string target_text(const ExplainTarget& target);

/// In flow style, without braces and name. None: the request does not say what it asks of AWS, so that no rule can mean
/// just it.
[[nodiscard]] std::optional<std::string> own_fields(const ExplainTarget& target);

}  // namespace enforcer::control
