// The parameters of a query, as the most lenient origin would read them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace enforcer::credentials {

/// A parameter's name as origins may compare it: percent-escapes decoded (%75 and IIS's %u0075), lower case, '-' for
/// '_', '.', ' ' and '+' (PHP), nothing from a NUL or '[' on (PHP arrays), no blanks in front.
[[nodiscard]] std::string comparable_parameter(std::string_view name);

/// The query without the parameters whose comparable name is refused; the rest is untouched and in order. ';' separates
/// as '&' does: some origins read it so.
[[nodiscard]] std::string without_parameters(std::string_view query,
                                             const std::function<bool(const std::string& name)>& refused);

/// RFC 3986 2.1: everything but unreserved characters escaped.
[[nodiscard]] std::string escape_parameter(std::string_view text);

}  // namespace enforcer::credentials
