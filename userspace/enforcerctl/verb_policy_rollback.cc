// policy rollback: what was applied becomes what it was in an earlier generation.
#include <fmt/format.h>

#include "enforcerctl/command_line.h"
#include "enforcerctl/generations.h"
#include "enforcerctl/load_report.h"

namespace enforcer::ctl {
namespace {

struct RollbackOptions {
  std::optional<std::uint64_t> generation;
  std::string timeout = "30s";
};

Result<std::uint64_t> chosen_generation(const Tool& tool, const RollbackOptions& options) {
  if (options.generation) return *options.generation;
  const std::string body = TRY(tool.ask("GET", "/v1/generations"));
  return previous_of(TRY(control::decode_generations(body)));
}

ExitCode roll_back(Tool& tool, const RollbackOptions& options) {
  const auto patience = parse_duration(options.timeout);
  if (!patience) return tool.usage(patience.error().message);
  const auto generation = chosen_generation(tool, options);
  if (!generation) return tool.report(generation.error());
  tool.say(fmt::format("going back to generation {}", *generation));
  return load_and_report(tool, fmt::format("/v1/generations/{}/rollback", *generation), {}, *patience);
}

}  // namespace

void add_policy_rollback(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<RollbackOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "rollback",
       .summary = "Puts what was applied in an earlier generation in force again",
       .examples = {"policy rollback", "policy rollback 12"},
       .more =
           "Without a number: the one before the one in force. It becomes a new generation, and the command returns\n"
           "when every guest is decided about by it. Files that the configuration names stay as they are: exit code\n"
           "7 when they are not what they were then, and 5 when the generation is not kept."});
  verb.add_option("GENERATION", options->generation, "A number of 'policy history'");
  verb.add_option("--timeout", options->timeout, "How long to wait (30s)")->type_name("DURATION");
  when_chosen(verb, line, options, roll_back);
}

}  // namespace enforcer::ctl
