// preset list: what there are presets for.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/preset.h"
#include "enforcerctl/preset_json.h"

namespace enforcer::ctl {
namespace {

struct PresetListOptions {
  std::string root;
};

/// "repos, refs?": what must be given, and what may be.
std::string parameters_text(const Preset& preset) {
  std::vector<std::string> names;
  for (const PresetParameter& parameter : preset.parameters)
    names.push_back(parameter.name + (parameter.usual.empty() ? "" : "?"));
  return fmt::format("{}", fmt::join(names, ", "));
}

ExitCode list_presets(Tool& tool, const PresetListOptions& options) {
  const auto folder = options.root.empty() ? presets_folder() : Result<std::string>(options.root);
  if (!folder) return tool.report(folder.error());
  const auto presets = presets_in(*folder);
  if (!presets) return tool.report(presets.error());
  if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["presets"] = nlohmann::json::array();
    for (const Preset& preset : *presets) answer["presets"].push_back(preset_json(preset));
    tool.print_json(control::dump(answer));
    return ExitCode::kOk;
  }
  if (tool.common.output == Output::kName) {
    for (const Preset& preset : *presets) tool.terminal().out(preset.name + "\n");
    return ExitCode::kOk;
  }
  Table table({"NAME", "PARAMETERS", "WHAT FOR"});
  for (const Preset& preset : *presets) table.add({preset.name, parameters_text(preset), preset.summary});
  tool.terminal().out(table.render(tool.common.headers));
  return ExitCode::kOk;
}

}  // namespace

void add_preset_list(CLI::App& preset, CommandLine& line) {
  auto options = std::make_shared<PresetListOptions>();
  CLI::App& verb = add_verb(preset, line,
                            {.name = "list",
                             .summary = "Lists what there are presets for",
                             .examples = {"preset list", "preset list -o json"},
                             .more = "A parameter with a question mark has a default; 'preset show' says what it is.",
                             .forms = {Output::kName}});
  verb.add_option("--root", options->root, "Where the presets are (default: those that came with the tool)")
      ->type_name("DIR");
  when_chosen(verb, line, options, list_presets);
}

}  // namespace enforcer::ctl
