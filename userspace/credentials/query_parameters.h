// The parameters of a query, as the most lenient origin would read them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "policy/parameters.h"

namespace enforcer::credentials {

/// What policies compare names by, too.
using policy::comparable_parameter;

/// The query without the parameters whose comparable name is refused; the rest is untouched and in order. ';' separates
/// as '&' does: some origins read it so.
[[nodiscard]] std::string without_parameters(std::string_view query,
                                             const std::function<bool(const std::string& name)>& refused);

}  // namespace enforcer::credentials
