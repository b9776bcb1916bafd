// What a first policy consists of: which presets, with which values, and what is left to its author.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "enforcerctl/machine_configuration.h"
#include "enforcerctl/policy_draft.h"

namespace enforcer::ctl {

enum class Start {
  kLocked,    ///< nothing but what is named
  kBalanced,  ///< what an agent that writes code needs, as far as it is harmless or this machine uses it already
};

struct WantedPreset {
  std::string name;
  PresetValues values;
};
/// "npm" or "npm:hosts=a,b:8443". kInvalid: it is neither.
Result<WantedPreset> parse_wanted_preset(std::string_view text);

struct FirstPolicy {
  PolicyDraft draft;                  ///< without name and labels
  std::vector<std::string> warnings;  ///< what of this machine's configuration was skipped, and why
};

/// kNotFound: there is no preset of a wanted name. kInvalid: a wanted preset has values missing that this machine's
/// configuration does not fill.
Result<FirstPolicy> first_policy(Start start, const std::vector<Preset>& presets,
                                 const std::vector<WantedPreset>& wanted, const MachinePlaces& places);

}  // namespace enforcer::ctl
