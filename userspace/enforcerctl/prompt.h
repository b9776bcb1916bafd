// What a person types at the terminal: a value that is not shown, or a yes. A script has other ways to say both, so
// standard input must be a terminal.
#pragma once

#include <string>

#include "base/secret.h"
#include "enforcerctl/terminal.h"

namespace enforcer::ctl {

[[nodiscard]] bool input_is_a_terminal();

/// One line from the terminal, read without echo into locked memory. kInvalid: not a value (credentials/value.h), or
/// the terminal was closed.
Result<Secret> ask_for_secret(Terminal& terminal, const std::string& prompt);

/// True for "y" and "yes".
[[nodiscard]] bool ask_for_consent(Terminal& terminal, const std::string& question);

}  // namespace enforcer::ctl
