// policy history: the generations that the daemon keeps.
#include <fmt/format.h>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/generations.h"

namespace enforcer::ctl {
namespace {

struct HistoryOptions {};

constexpr std::size_t kShortDigest = 12;

ExitCode show_history(Tool& tool, const HistoryOptions&) {
  const auto body = tool.ask("GET", "/v1/generations");
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto generations = control::decode_generations(*body);
  if (!generations) return tool.report(generations.error());
  Table table({"GENERATION", "SINCE", "STATE", "CAUSE", "BY", "APPLIED", "FILES", "DIGEST"});
  for (const control::GenerationInfo& generation : *generations) {
    const auto applied = std::ranges::count(generation.sources, true, &control::SourceInfo::applied);
    table.add({numbers_of(generation), control::format_time(generation.time),
               generation.in_force ? "in force" : "replaced", generation.cause,
               generation.uid ? fmt::format("{} ({})", generation.user, *generation.uid) : "", std::to_string(applied),
               std::to_string(std::ssize(generation.sources) - applied), generation.digest.substr(0, kShortDigest)});
  }
  if (table.empty()) {
    tool.say("no generation was ever in force");
  } else {
    tool.terminal().out(table.render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_policy_history(CLI::App& policy, CommandLine& line) {
  CLI::App& verb = add_verb(policy, line,
                            {.name = "history",
                             .summary = "Lists the last generations of policies: since when, by whom, made of what",
                             .examples = {"policy history", "policy history -o json"},
                             .more = "Generations in a row that were made of the same texts are one line."});
  when_listed(verb, line, std::make_shared<HistoryOptions>(), show_history);
}

}  // namespace enforcer::ctl
