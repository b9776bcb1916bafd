// The XML in which AWS STS answers who does not speak its JSON: elements, and plain texts in them.
#pragma once

#include <optional>
#include <string_view>

#include "base/wiping_allocator.h"

namespace enforcer::credentials {

/// The text of the one element at this path from the root ("ErrorResponse/Error/Code"), entities decoded. Nothing:
/// there is none, or two, or it has elements inside, or the document is not well-formed or has what STS has no need of:
/// a document type (and so no entities but XML's own five and numbers of ASCII), CDATA, comments, more than 16 levels.
[[nodiscard]] std::optional<WipedString> xml_text(std::string_view document, std::string_view path);

}  // namespace enforcer::credentials
