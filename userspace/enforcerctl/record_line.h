// One audit record as one line for people. The record comes from a file that may be hostile, so nothing of it reaches
// the terminal unescaped, whatever the writer of the file has done about it (invariant 10).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "enforcerctl/terminal.h"

namespace enforcer::ctl {

/// The headers over such lines.
[[nodiscard]] std::string record_headers();

/// The line with its newline; nothing for a record of a kind that people do not want to see unasked (the end of a
/// connection).
[[nodiscard]] std::optional<std::string> record_line(const Terminal& terminal, std::string_view json);

/// As above, ends of connections included.
[[nodiscard]] std::string any_record_line(const Terminal& terminal, std::string_view json);

}  // namespace enforcer::ctl
