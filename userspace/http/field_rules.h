// Which header fields of a guest go on to an origin, and which of an origin's to a guest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace enforcer::http {

/// A field name as origins compare it: lower case, and '-' for '_' (CGI, WSGI and others cannot tell them apart).
[[nodiscard]] std::string comparable_name(std::string_view name);

/// Comparable names.
using NameSet = std::set<std::string, std::less<>>;

/// Adds the members of a comma-separated list of tokens, comparable. kInvalid when one is no token (RFC 9110 5.6.1).
Result<> add_token_list(std::string_view value, NameSet& names);

/// Is this field of a request end-to-end, so that it goes on unchanged? `nominated`: the names that Connection lists.
[[nodiscard]] bool is_end_to_end(std::string_view name, const NameSet& nominated);
/// The same for a field of a response.
[[nodiscard]] bool answers_end_to_end(std::string_view name, const NameSet& nominated);

/// The values of every field of that name, in order. Names are compared without regard to case.
[[nodiscard]] std::vector<std::string_view> values_of(const std::vector<HeaderField>& fields, std::string_view name);

/// The number in a Content-Length: decimal digits and nothing else, below 2^63.
[[nodiscard]] std::optional<std::uint64_t> parse_content_length(std::string_view text);

}  // namespace enforcer::http
