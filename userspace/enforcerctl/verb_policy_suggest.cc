// policy suggest: a first policy from what was seen.
#include <fmt/format.h>

#include "enforcerctl/command_line.h"
#include "enforcerctl/past_records.h"
#include "enforcerctl/suggestion.h"
#include "policy/schema.h"

namespace enforcer::ctl {
namespace {

struct SuggestOptions {
  PastOptions past{.guest = {}, .labels = {}, .since = "1d", .audit = {}};
  std::string name = "suggested";
};

ExitCode suggest(Tool& tool, const SuggestOptions& options) {
  const PastOptions& past = options.past;
  if (past.guest.empty() && past.labels.empty()) return tool.usage("whose decisions? Give --guest or -l");
  if (!policy::is_name(options.name)) {
    return tool.usage(fmt::format("--name {}: use 1-63 of a-z, 0-9, '-', '_' and '.'", options.name));
  }
  const auto seen = read_past(tool, past);
  if (!seen) return tool.report(seen.error());
  if (seen->history.decisions().empty()) {
    return tool.report({Errc::kNotFound, fmt::format("no decision was recorded about them since {}", past.since)});
  }
  // Read already, and found good.
  SuggestionTitle title{
      .name = options.name, .guest = past.guest, .labels = labels_from(past.labels).value_or(Labels())};
  const auto text = suggest_policy(seen->history, title, WallClock::now());
  if (!text) return tool.report(text.error());
  tool.terminal().out(*text);
  return seen->log == LogState::kReadable ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void add_policy_suggest(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<SuggestOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "suggest",
       .summary = "Writes a policy that allows what was seen and allowed, with its grounds in comments",
       .examples = {"policy suggest --guest agent-1 --since 1d > agent.yaml",
                    "policy suggest -l role=agent --name agents --since 7d",
                    "policy suggest --guest agent-1 --audit /var/log/enforcer/audit.jsonl"},
       .more = "For guests in audit mode ('mode: audit'), and for any others. What was denied stands in "
               "comments. Read it\n"
               "before you apply it: it knows what happened, not what should have. Exit code 3: lines of PATH are "
               "no records.",
       .prints = VerbText::Prints::kText});
  add_past_options(verb, options->past, "1d");
  verb.add_option("--name", options->name, "Of the policy (suggested)")->type_name("NAME");
  when_chosen(verb, line, options, suggest);
}

}  // namespace enforcer::ctl
