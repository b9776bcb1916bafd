// A policy as a file for people, written from presets: the rules with what they expose in comments, and what was left
// out with what to fill in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "enforcerctl/preset.h"
#include "enforcerctl/preset_rules.h"

namespace enforcer::ctl {

struct DraftPart {
  Preset preset;
  PresetValues values;
  std::vector<std::string> grounds;  ///< where the values are from, and what else there is to know; become comments
};

struct DraftGap {
  Preset preset;
  std::string why;  ///< "no configuration of npm on this machine names a registry"
};

struct PolicyDraft {
  std::vector<std::string> title;  ///< comments at the top, a line each
  std::string name;
  Labels labels;                 ///< of the guests; not empty
  std::vector<DraftPart> parts;  ///< in force, in this order
  std::vector<DraftGap> gaps;    ///< as comments at the end
};

/// kInvalid: a part's values are wrong, or what came out does not load or fails its own tests; the message has why.
Result<std::string> draft_text(const PolicyDraft& draft);

/// "exposes: …" and "note: …", as the lines of a comment.
[[nodiscard]] std::string preset_comment(const Preset& preset, std::string_view indent);

}  // namespace enforcer::ctl
