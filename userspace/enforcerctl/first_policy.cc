#include "enforcerctl/first_policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace enforcer::ctl {
namespace {

/// Reading sources, models, and holding back what cannot be undone. Presets that a machine's configuration fills come
/// by themselves.
constexpr std::string_view kBalancedPresets[] = {"git-github-read",       "github-api-read", "model-anthropic",
                                                 "model-openai",          "model-bedrock",   "aws-destructive",
                                                 "github-api-destructive"};

/// The parameter that this machine's configuration can fill, if there is one.
const PresetParameter* machine_parameter(const Preset& preset) {
  const auto found =
      std::ranges::find_if(preset.parameters, [](const PresetParameter& p) { return p.machine.has_value(); });
  return found == preset.parameters.end() ? nullptr : &*found;
}

/// Fills what can be filled, and writes down from where.
void fill_from_machine(DraftPart& part, const MachinePlaces& places, std::vector<std::string>& warnings) {
  const PresetParameter* const parameter = machine_parameter(part.preset);
  if (!parameter || part.values.contains(parameter->name)) return;
  const MachineFindings found = read_machine(*parameter->machine, places);
  warnings.insert(warnings.end(), found.warnings().begin(), found.warnings().end());
  if (found.hosts().empty()) return;
  part.values.emplace(parameter->name, found.targets());
  part.grounds.push_back(fmt::format("{} from {}", parameter->name, fmt::join(found.files(), ", ")));
  for (const std::string& remark : found.remarks()) part.grounds.push_back(remark);
}

class FirstPolicyWriter {
 public:
  FirstPolicyWriter(const std::vector<Preset>& presets, const MachinePlaces& places)
      : presets_(presets), places_(places) {}

  /// It was asked for, so what is missing is an error.
  Result<> want(const WantedPreset& wanted) {
    const Preset& preset = *TRY(find_preset(presets_, wanted.name));
    if (is_in(preset.name)) return fail(Errc::kInvalid, fmt::format("--preset {} stands twice", preset.name));
    DraftPart part{.preset = preset, .values = wanted.values, .grounds = {}};
    fill_from_machine(part, places_, first_.warnings);
    const auto missing = missing_values(preset, part.values);
    if (!missing.empty()) {
      const PresetParameter& what = *missing.front();
      const std::string machine =
          what.machine ? fmt::format(", and no configuration of {} on this machine names any", label(*what.machine))
                       : "";
      return fail(Errc::kInvalid, fmt::format("preset {} needs {} ({}){}: --preset '{}:{}=...'", preset.name, what.name,
                                              what.about, machine, preset.name, what.name));
    }
    first_.draft.parts.push_back(std::move(part));
    return {};
  }

  /// It belongs to the start, and is left open where this machine says nothing.
  void offer(const Preset& preset) {
    if (is_in(preset.name)) return;
    DraftPart part{.preset = preset, .values = {}, .grounds = {}};
    fill_from_machine(part, places_, first_.warnings);
    const auto missing = missing_values(preset, part.values);
    if (missing.empty()) {
      first_.draft.parts.push_back(std::move(part));
    } else {
      leave_out(preset);
    }
  }

  void leave_out(const Preset& preset) {
    if (is_in(preset.name)) return;
    const PresetParameter* const parameter = machine_parameter(preset);
    std::string why;
    if (parameter && read_machine(*parameter->machine, places_).hosts().empty())
      why = fmt::format("no configuration of {} on this machine names a registry", label(*parameter->machine));
    first_.draft.gaps.push_back({preset, why});
  }

  [[nodiscard]] FirstPolicy take() { return std::move(first_); }

 private:
  [[nodiscard]] bool is_in(std::string_view name) const {
    return std::ranges::any_of(first_.draft.parts, [&](const DraftPart& part) { return part.preset.name == name; });
  }

  const std::vector<Preset>& presets_;
  const MachinePlaces& places_;
  FirstPolicy first_;
};

std::vector<std::string> title_lines(Start start) {
  if (start == Start::kLocked) {
    return {
        "A first policy that is locked: what no rule allows is denied, and the rules are those that were asked for.",
        "Add what the agents need; 'enforcerctl log --decision deny' says what they tried."};
  }
  return {
      "A first policy that is balanced: reading from GitHub, models, and the registries that this machine uses.",
      "Deletions at GitHub and AWS are held until people decide. Read what each rule exposes, and remove what no agent "
      "needs."};
}

}  // namespace

Result<WantedPreset> parse_wanted_preset(std::string_view text) {
  const auto colon = text.find(':');
  WantedPreset wanted{.name = std::string(text.substr(0, colon)), .values = {}};
  if (wanted.name.empty())
    return fail(Errc::kInvalid, fmt::format("--preset '{}' names no preset", escape_untrusted(text, 128)));
  if (colon == std::string_view::npos) return wanted;
  auto values = parse_preset_values(text.substr(colon + 1));
  if (!values) return fail_in(fmt::format("--preset {}", escape_untrusted(wanted.name, 64)), values.error());
  wanted.values = *std::move(values);
  return wanted;
}

Result<FirstPolicy> first_policy(Start start, const std::vector<Preset>& presets,
                                 const std::vector<WantedPreset>& wanted, const MachinePlaces& places) {
  FirstPolicyWriter writer(presets, places);
  for (const WantedPreset& preset : wanted) TRY_VOID(writer.want(preset));
  for (const Preset& preset : presets) {
    const bool belongs =
        machine_parameter(preset) || std::ranges::find(kBalancedPresets, preset.name) != std::end(kBalancedPresets);
    if (start == Start::kBalanced && belongs) {
      writer.offer(preset);
    } else {
      writer.leave_out(preset);
    }
  }
  FirstPolicy first = writer.take();
  first.draft.title = title_lines(start);
  return first;
}

}  // namespace enforcer::ctl
