// Generations as people name them.
#pragma once

#include <string>
#include <vector>

#include "control/policy_history.h"

namespace enforcer::ctl {

/// "5", or "5-7" for those that were made of the same texts.
[[nodiscard]] std::string numbers_of(const control::GenerationInfo& generation);

/// The last of those before the one in force; kNotFound: there is none.
[[nodiscard]] Result<std::uint64_t> previous_of(const std::vector<control::GenerationInfo>& generations);

}  // namespace enforcer::ctl
