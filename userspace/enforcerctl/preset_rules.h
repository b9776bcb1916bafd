// The rules of a preset with its parameters filled in.
//
// In a list, "${hosts}" is one entry for each value; in a test it is one test for each value. "${hosts.url}" is
// "https://a.example" or "http://a.example" for a host on port 80; "${repos.example}" is what a pattern could match.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "enforcerctl/preset.h"

namespace enforcer::ctl {

/// Of each parameter, by its name.
using PresetValues = std::map<std::string, std::vector<std::string>>;

/// "hosts=a,b" or, with more parameters, "repos=acme/*;refs=refs/heads/x". kInvalid: it is neither, or names one twice.
Result<PresetValues> parse_preset_values(std::string_view text);

/// Parameters that have neither a value here nor a default.
[[nodiscard]] std::vector<const PresetParameter*> missing_values(const Preset& preset, const PresetValues& values);

/// YAML, one entry for each rule or test, without its "- "; a rule has more lines than one.
struct PresetRules {
  std::vector<std::string> allow;
  std::vector<std::string> review;
  std::vector<std::string> deny;
  std::vector<std::string> tests;
};
/// kInvalid: there is no such parameter, one is missing, or a value is none of its kind.
Result<PresetRules> rules_of(const Preset& preset, const PresetValues& values);

/// One of them as it stands in a list below `spec`.
[[nodiscard]] std::string list_entry(std::string_view entry);
/// A whole list below `spec`; empty without entries.
[[nodiscard]] std::string entries_text(std::string_view key, const std::vector<std::string>& entries);

}  // namespace enforcer::ctl
