// A preset in the tool's answers.
#pragma once

#include <nlohmann/json.hpp>

#include "enforcerctl/preset.h"

namespace enforcer::ctl {

/// Without its rules.
[[nodiscard]] nlohmann::json preset_json(const Preset& preset);

}  // namespace enforcer::ctl
