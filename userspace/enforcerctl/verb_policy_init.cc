// policy init: a first policy, from presets and from what this machine's package tools are configured with.
#include <fmt/format.h>

#include <filesystem>

#include "base/files.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/first_policy.h"
#include "enforcerctl/option_values.h"
#include "policy/schema.h"

namespace enforcer::ctl {
namespace {

struct InitOptions {
  Start start = Start::kLocked;
  std::string name = "first";
  std::vector<std::string> labels;
  std::vector<std::string> presets;
  std::string file;
  std::string machine_root;
  std::string preset_root;
};

ExitCode write_first_policy(Tool& tool, const std::string& path, const std::string& text) {
  if (path.empty() || path == "-") {
    tool.terminal().out(text);
    return ExitCode::kOk;
  }
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return tool.report({Errc::kConflict, fmt::format("{} is there already; remove it first", path)});
  }
  constexpr mode_t kMode = 0644;
  if (const auto written = write_atomically(path, text, kMode, Survives::kHost); !written)
    return tool.report(written.error());
  tool.say(fmt::format("{} is written. Read it, then: enforcerctl policy check {}", path, path));
  return ExitCode::kOk;
}

ExitCode init_policy(Tool& tool, const InitOptions& options) {
  if (!policy::is_name(options.name))
    return tool.usage(fmt::format("--name {}: use 1-63 of a-z, 0-9, '-', '_' and '.'", options.name));
  auto labels = labels_from(options.labels);
  if (!labels) return tool.usage(labels.error().message);
  if (labels->empty()) labels->emplace("role", "agent");
  std::vector<WantedPreset> wanted;
  for (const std::string& text : options.presets) {
    auto preset = parse_wanted_preset(text);
    if (!preset) return tool.usage(preset.error().message);
    wanted.push_back(*std::move(preset));
  }
  const auto folder = options.preset_root.empty() ? presets_folder() : Result<std::string>(options.preset_root);
  if (!folder) return tool.report(folder.error());
  const auto presets = presets_in(*folder);
  if (!presets) return tool.report(presets.error());
  auto first = first_policy(options.start, *presets, wanted, machine_places(options.machine_root));
  if (!first) return tool.usage(first.error());
  for (const std::string& warning : first->warnings) tool.say(fmt::format("warning: {}", warning));
  first->draft.name = options.name;
  first->draft.labels = *labels;
  const auto text = draft_text(first->draft);
  if (!text) return tool.usage(text.error());
  return write_first_policy(tool, options.file, *text);
}

}  // namespace

void add_policy_init(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<InitOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "init",
       .summary = "Writes a first policy, from presets and from the registries that this machine is configured with",
       .examples = {"policy init --start locked", "policy init --start balanced -l role=coding-agent --file agent.yaml",
                    "policy init --start locked --preset model-anthropic --preset 'git-github:repos=acme/*'",
                    "policy init --start balanced --preset npm:hosts=npm.acme.example"},
       .more =
           "locked opens nothing but the presets that are named. balanced opens reading from GitHub, APIs of models\n"
           "and the registries of apt, npm, pip, cargo and docker that this machine is configured with, and holds\n"
           "deletions at GitHub and AWS until people decide. Where nothing is configured, nothing is guessed.\n"
           "Passwords and tokens in those files are not copied; the policy says where a Credential is wanted.",
       .prints = VerbText::Prints::kText});
  add_choice<Start>(verb, "--start", options->start, {{"balanced", Start::kBalanced}, {"locked", Start::kLocked}},
                    "What it opens: locked or balanced", "START")
      .required();
  verb.add_option("--name", options->name, "Of the policy (first)")->type_name("NAME");
  add_repeatable(verb, "-l,--label", options->labels, "Guests that it is for (role=agent)", "KEY=VALUE");
  add_repeatable(verb, "--preset", options->presets,
                 "Open this, too; with values, or with those that this machine is configured with",
                 "PRESET[:NAME=VALUE,...]");
  verb.add_option("--file", options->file, "Where it goes, if nothing is there (default: standard output)")
      ->type_name("FILE");
  verb.add_option("--machine-root", options->machine_root,
                  "Read the configuration below this folder, as of an image, instead of this machine's")
      ->type_name("DIR");
  verb.add_option("--root", options->preset_root, "Where the presets are (default: those that came with the tool)")
      ->type_name("DIR");
  when_chosen(verb, line, options, init_policy);
}

}  // namespace enforcer::ctl
