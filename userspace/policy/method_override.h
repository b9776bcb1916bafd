// Methods in a query: what some origins serve in place of the method that the request line has (`?_method=DELETE`). A
// rule that names methods is asked about these, too. Header fields of that kind are not sent on (http/field_rules.cc),
// and in a body nobody looks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace enforcer::policy {

/// Every value of such a parameter, in order and in capitals: `_method`, `X-HTTP-Method-Override`, `X-HTTP-Method` and
/// `X-Method-Override`, in every spelling that some origin takes for them (comparable_parameter()). A value that cannot
/// be decoded is empty, as one that is not there: it may be any method.
[[nodiscard]] std::vector<std::string> overriding_methods(std::string_view query);

}  // namespace enforcer::policy
