// The manual pages in section 1 and 8, in roff with the man macros (groff_man(7)): written from what --help is made of,
// so that a page has every verb and option that its program has.
#pragma once

#include <string>

#include "config/program_text.h"
#include "enforcerctl/verb_tree.h"

namespace enforcer::ctl {

/// enforcerctl(1)
[[nodiscard]] std::string tool_page(const Verb& root);

/// enforcerd(8), enforcer-hostd(8)
[[nodiscard]] std::string daemon_page(const config::ProgramText& program);

}  // namespace enforcer::ctl
