// Which header fields of a guest go on to an origin.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::http {

/// A field name as origins compare it: lower case, and '-' for '_' (CGI, WSGI and others cannot tell them apart).
[[nodiscard]] std::string comparable_name(std::string_view name);

/// Comparable names.
using NameSet = std::set<std::string, std::less<>>;

/// Adds the members of a comma-separated list of tokens, comparable. kInvalid when one is no token (RFC 9110 5.6.1).
Result<> add_token_list(std::string_view value, NameSet& names);

/// Is this an end-to-end field that goes on unchanged? `nominated`: the names that Connection lists.
[[nodiscard]] bool is_end_to_end(std::string_view name, const NameSet& nominated);

}  // namespace enforcer::http
