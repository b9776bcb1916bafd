// preset show: the rules of one, ready for a policy, with what they expose.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/policy_draft.h"
#include "enforcerctl/preset_json.h"
#include "enforcerctl/preset_rules.h"
#include "enforcerctl/yaml_text.h"

namespace enforcer::ctl {
namespace {

struct PresetShowOptions {
  std::string name;
  std::vector<std::string> settings;
  std::string root;
};

/// All --set together, where a parameter is named once.
Result<PresetValues> given_values(const std::vector<std::string>& settings) {
  PresetValues values;
  for (const std::string& setting : settings) {
    for (auto& [name, list] : TRY(parse_preset_values(setting))) {
      if (!values.emplace(name, std::move(list)).second)
        return fail(Errc::kInvalid, fmt::format("--set {} stands twice", name));
    }
  }
  return values;
}

std::string parameter_comment(const PresetParameter& parameter, const PresetValues& values) {
  const bool example = parameter.usual.empty() && !values.contains(parameter.name);
  return fmt::format("# {}: {}{}\n", parameter.name, comment_line(parameter.about),
                     example ? fmt::format(" (below, an example; give yours with --set {}=...)", parameter.name) : "");
}

/// What is missing is shown by example: to look at, and to fill in by hand.
PresetValues with_examples(const Preset& preset, PresetValues values) {
  for (const PresetParameter* parameter : missing_values(preset, values))
    values.insert_or_assign(parameter->name, parameter->example);
  return values;
}

ExitCode show_preset(Tool& tool, const PresetShowOptions& options) {
  const auto given = given_values(options.settings);
  if (!given) return tool.usage(given.error().message);
  const auto folder = options.root.empty() ? presets_folder() : Result<std::string>(options.root);
  if (!folder) return tool.report(folder.error());
  const auto presets = presets_in(*folder);
  if (!presets) return tool.report(presets.error());
  const auto found = find_preset(*presets, options.name);
  if (!found) return tool.report(found.error());
  const Preset& preset = **found;
  const PresetValues values = with_examples(preset, *given);
  const auto rules = rules_of(preset, values);
  if (!rules) return tool.usage(rules.error());
  // What the loader would say about it, it says now.
  const auto draft =
      draft_text({.title = {}, .name = "shown", .labels = {{"role", "agent"}}, .parts = {{preset, values, {}}}});
  if (!draft) return tool.report(draft.error());
  const std::string spec = "spec:\n" + entries_text("allow", rules->allow) + entries_text("review", rules->review) +
                           entries_text("deny", rules->deny) + entries_text("tests", rules->tests);
  if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["preset"] = preset_json(preset);
    answer["values"] = values;
    answer["yaml"] = spec;
    tool.print_json(control::dump(answer));
    return ExitCode::kOk;
  }
  std::string out = fmt::format("# {}: {}\n", preset.name, comment_line(preset.summary)) + preset_comment(preset, "# ");
  for (const PresetParameter& parameter : preset.parameters) out += parameter_comment(parameter, *given);
  tool.terminal().out(out + spec);
  return ExitCode::kOk;
}

}  // namespace

void add_preset_show(CLI::App& preset, CommandLine& line) {
  auto options = std::make_shared<PresetShowOptions>();
  CLI::App& verb = add_verb(
      preset, line,
      {.name = "show",
       .summary = "Prints the rules of a preset for a policy, with what they expose and with tests",
       .examples = {"preset show npm --set hosts=npm.acme.example", "preset show git-github --set 'repos=acme/*'",
                    "preset show apt --set hosts=apt.acme.example:80,apt-security.acme.example:80"},
       .more =
           "A parameter that is not given has its default, or else an example. What is printed goes into the lists\n"
           "of a policy; 'policy init' writes a whole one."});
  verb.add_option("PRESET", options->name, "The preset's name")->required();
  add_repeatable(verb, "--set", options->settings, "A parameter and its values", "NAME=VALUE,...");
  verb.add_option("--root", options->root, "Where the presets are (default: those that came with the tool)")
      ->type_name("DIR");
  when_chosen(verb, line, options, show_preset);
}

}  // namespace enforcer::ctl
