// Names of header fields as policies compare them.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::policy {

/// RFC 9110 5.1: a token.
[[nodiscard]] bool is_header_name(std::string_view name);

/// Lower case, and '-' for '_', because origins cannot tell them apart (CGI): as FieldFact has it.
[[nodiscard]] std::string canonical_header(std::string_view name);

}  // namespace enforcer::policy
