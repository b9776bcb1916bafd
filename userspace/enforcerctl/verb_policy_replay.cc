// policy replay: which decisions of the past would be others under these policies.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/past_records.h"
#include "enforcerctl/policy_files.h"
#include "enforcerctl/replay.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

struct ReplayOptions {
  PastOptions past{.guest = {}, .labels = {}, .since = "7d", .audit = {}};
  std::vector<std::string> policy;
};

/// What a row shows; equal ones are one row.
struct Change {
  std::string guest, layer, target, request;
  Fate was, would_be;
  std::string rule, why;
  friend auto operator<=>(const Change&, const Change&) = default;
};
struct Times {
  std::uint64_t count = 0;
  std::string last;
};
struct Outcome {
  std::map<Change, Times> changes;
  std::uint64_t same = 0, changed = 0, unknown = 0, undecided = 0;
};

Outcome ask_again(const History& history, const policy::Snapshot& snapshot) {
  Outcome outcome;
  const auto now = WallClock::now();
  for (const PastDecision& past : history.decisions()) {
    const auto again = replay(past, snapshot, now);
    const Fate was = past_fate(past);
    if (!again || again->fate == was) {
      (again ? outcome.same : outcome.undecided) += past.count;
      continue;
    }
    (again->fate == Fate::kUnknown ? outcome.unknown : outcome.changed) += past.count;
    const std::string request = past.what.method.empty() ? "" : past.what.method + " " + past.what.path;
    Times& times = outcome.changes[{past.what.guest, past.what.layer, past.target(), request, was, again->fate,
                                    again->rule, again->why}];
    times.count += past.count;
    times.last = std::max(times.last, past.last);
  }
  return outcome;
}

nlohmann::json change_json(const Change& change, const Times& times) {
  return {{"time", times.last},       {"count", times.count},
          {"guest", change.guest},    {"layer", change.layer},
          {"target", change.target},  {"request", change.request},
          {"was", label(change.was)}, {"would_be", label(change.would_be)},
          {"rule", change.rule},      {"why", change.why}};
}

void print_changes(const Tool& tool, const Outcome& outcome) {
  if (tool.common.output == Output::kJsonLines) {
    for (const auto& [change, times] : outcome.changes) tool.print_json(control::dump(change_json(change, times)));
  } else if (tool.json()) {
    nlohmann::json answer = {
        {"api_version", "v1"},        {"same", outcome.same},           {"changed", outcome.changed},
        {"unknown", outcome.unknown}, {"undecided", outcome.undecided}, {"changes", nlohmann::json::array()}};
    for (const auto& [change, times] : outcome.changes) answer["changes"].push_back(change_json(change, times));
    tool.print_json(control::dump(answer));
  } else if (!outcome.changes.empty()) {
    Table table({"LAST", "COUNT", "GUEST", "TARGET", "REQUEST", "WAS", "WOULD BE", "RULE", "WHY"});
    for (const auto& [change, times] : outcome.changes) {
      table.add({times.last, std::to_string(times.count), change.guest, change.target, change.request,
                 std::string(label(change.was)), std::string(label(change.would_be)), change.rule, change.why});
    }
    tool.terminal().out(table.render(tool.common.headers));
  }
}

ExitCode replay_log(Tool& tool, const ReplayOptions& options) {
  const auto sources = read_policy_files(options.policy);
  if (!sources) return tool.report(sources.error());
  const policy::LoadOutcome loaded = policy::load(*sources, 1);
  for (const auto& diagnostic : loaded.diagnostics) tool.say(diagnostic.to_string());
  if (loaded.snapshot == nullptr) {
    tool.say("the policies do not load, so they decide nothing");
    return ExitCode::kFindings;
  }
  const auto history = read_history(tool, options.past);
  if (!history) return tool.report(history.error());
  const Outcome outcome = ask_again(*history, *loaded.snapshot);
  print_changes(tool, outcome);
  tool.say(fmt::format("{} decisions asked again: {} the same, {} changed, {} unknown; {} that no policy decides",
                       history->count(), outcome.same, outcome.changed, outcome.unknown, outcome.undecided));
  return outcome.changes.empty() ? ExitCode::kOk : ExitCode::kFindings;
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
               "Exit code 3: some decisions would be others, or are unknown."});
  verb.add_option("--policy", options->policy, "Ask these policy files; repeatable")
      ->type_name("FILE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->required();
  add_past_options(verb, options->past, "7d");
  when_chosen(verb, line, options, replay_log);
}

}  // namespace enforcer::ctl
