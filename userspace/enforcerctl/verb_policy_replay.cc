// policy replay: which decisions of the past would be others under these policies.
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/decision_changes.h"
#include "enforcerctl/past_records.h"
#include "enforcerctl/policy_files.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

struct ReplayOptions {
  PastOptions past{.guest = {}, .labels = {}, .since = "7d", .audit = {}};
  std::vector<std::string> policy;
};

void print_replay(const Tool& tool, const DecisionChanges& changes) {
  if (tool.common.output == Output::kJsonLines) {
    for (const auto& [change, times] : changes.rows) tool.print_json(control::dump(change_json(change, times)));
  } else if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer.update(changes_json(changes));
    tool.print_json(control::dump(answer));
  } else if (!changes.rows.empty()) {
    tool.terminal().out(changes_table(changes).render(tool.common.headers));
  }
}

ExitCode replay_log(Tool& tool, const ReplayOptions& options) {
  const auto sources = read_policy_files(options.policy);
  const policy::LoadOutcome loaded = policy::load(sources, 1);
  for (const auto& diagnostic : loaded.diagnostics) tool.say(diagnostic.to_string());
  if (loaded.snapshot == nullptr) {
    tool.say("the policies do not load, so they decide nothing");
    return ExitCode::kFindings;
  }
  const auto past = read_past(tool, options.past);
  if (!past) return tool.report(past.error());
  const DecisionChanges changes = changes_since(past->history, *loaded.snapshot, WallClock::now());
  print_replay(tool, changes);
  tool.say(changes_line(changes));
  return changes.rows.empty() && past->log == LogState::kReadable ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void add_policy_replay(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "replay",
       .summary = "Lists the decisions of the past that would be others under these policies",
       .examples = {"policy replay --policy agent.yaml --since 7d",
                    "policy replay --policy agent.yaml --policy credentials.yaml --guest agent-1 -o jsonl",
                    "policy replay --policy agent.yaml -l role=agent --audit /var/log/enforcer/audit.jsonl"},
       .more = "Give all files that are to be in force together. Nothing is resolved or contacted. Records keep no "
               "header fields,\n"
               "no values of the query and no bodies: where a rule asks about them the answer is 'unknown'.\n"
               "Exit code 3: some decisions would be others, or are unknown, or lines of PATH are no records."});
  add_repeatable(verb, "--policy", options->policy, "Ask these policy files", "FILE").required();
  add_past_options(verb, options->past, "7d");
  when_chosen(verb, line, options, replay_log);
}

}  // namespace enforcer::ctl
