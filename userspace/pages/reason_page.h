// The reasons of decisions as a page: what each means, where it comes up, what to do.
#pragma once

#include <string>

namespace enforcer::pages {

[[nodiscard]] std::string reason_page();

}  // namespace enforcer::pages
