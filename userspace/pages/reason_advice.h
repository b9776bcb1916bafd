// What to do about a reason: where it comes up, and who can change it.
#pragma once

#include <string_view>

#include "policy/reason.h"

namespace enforcer::pages {

struct ReasonAdvice {
  std::string_view layers;  ///< as the field `layer` of a record has them, with commas; "-" for what has none
  std::string_view action;  ///< Markdown, one line
};

[[nodiscard]] ReasonAdvice advice_on(policy::Reason reason);

}  // namespace enforcer::pages
