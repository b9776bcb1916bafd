// explain: what would happen to a connection, and why. With --policy it asks the files, without a daemon; otherwise the
// daemon.
#include <fmt/format.h>

#include "base/percent.h"
#include "control/explain.h"
#include "control/route.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/policy_files.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

using control::ExplainAnswer;

struct ExplainOptions {
  std::vector<std::string> words;
  std::string guest;
  std::vector<std::string> labels;
  std::vector<std::string> policy;
  bool exit_code = false;
};

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

/// The daemon's own JSON, or ours of the same shape.
Result<std::string> ask_daemon(const Tool& tool, const ExplainOptions& options, const Labels& labels) {
  std::string target = "/v1/explain?target=" + percent_encode(joined(options.words));
  if (!options.guest.empty()) target += "&guest=" + percent_encode(options.guest);
  if (!labels.empty()) target += "&labels=" + percent_encode(labels_text(labels));
  return tool.ask("GET", target);
}

Result<std::string> ask_files(const Tool& tool, const ExplainOptions& options, const Labels& labels,
                              const control::ExplainTarget& target) {
  const auto sources = read_policy_files(options.policy);
  // A test that fails is the best reason to ask.
  const policy::LoadOutcome outcome =
      policy::load(sources, 1, policy::Completeness::kWhole, policy::FailedTest::kWarns);
  for (const auto& diagnostic : outcome.diagnostics) tool.say(diagnostic.to_string());
  if (outcome.snapshot == nullptr) return fail(Errc::kNotLoaded, "the policies do not load, so they decide nothing");
  control::ExplainQuery query{.target = target, .guest = std::nullopt, .labels = labels};
  if (!options.guest.empty()) query.guest = TRY(GuestName::parse(options.guest));
  return control::encode_explain(control::explain(*outcome.snapshot, query));
}

void print_verdict(const Tool& tool, const ExplainAnswer& answer) {
  const bool allowed = answer.decision == "allow";
  const auto line = [&](std::string_view name, std::string_view text) {
    if (!text.empty()) tool.terminal().out(fmt::format("{:<10}{}\n", name, printable_lines(text)));
  };
  tool.terminal().out(fmt::format("{:<10}{}{}\n", "decision",
                                  paint(tool.terminal(), allowed ? Colour::kGreen : Colour::kRed, answer.decision),
                                  answer.handling.empty() ? "" : " (" + answer.handling + ")"));
  line("target", answer.target);
  line("guest", answer.guest);
  line("layer", answer.layer);
  line("reason", fmt::format("{}: {}", answer.reason, answer.description));
  if (!answer.rule.empty()) line("rule", fmt::format("{} at {}", answer.rule, answer.place));
  line("note", answer.note);
  if (const auto& adds = answer.injection) {
    line("adds", fmt::format("credential {} ({}, from {}): {}", adds->credential, adds->as, adds->source, adds->where));
  } else if (!answer.credential.empty()) {
    line("adds", "credential " + answer.credential);
  }
  if (!answer.would.empty()) line("enforced", fmt::format("would be {}; the policy is in audit mode", answer.would));
}

void print_rules(const Tool& tool, const ExplainAnswer& answer) {
  Table matched({"ACTION", "RULE", "TARGET", "PLACE"});
  Table perhaps({"ACTION", "RULE", "TARGET", "PLACE", "WHY"});
  Table nearly({"ACTION", "RULE", "TARGET", "PLACE", "STOPPED BY", "WHY"});
  for (const auto& rule : answer.rules) {
    if (rule.match == "matched") {
      matched.add({rule.action, rule.rule, rule.target, rule.place});
    } else if (rule.match == "perhaps") {
      perhaps.add({rule.action, rule.rule, rule.target, rule.place, rule.detail});
    } else {
      nearly.add({rule.action, rule.rule, rule.target, rule.place, rule.field, rule.detail});
    }
  }
  if (!matched.empty()) tool.terminal().out("\nrules that match\n" + matched.render(tool.common.headers));
  if (!perhaps.empty()) tool.terminal().out("\nrules that may match\n" + perhaps.render(tool.common.headers));
  if (!nearly.empty()) tool.terminal().out("\nrules that nearly match\n" + nearly.render(tool.common.headers));
}

void print_layers(const Tool& tool, const ExplainAnswer& answer) {
  Table table({"LAYER", "DECISION", "HANDLING", "RULE", "WHY"});
  for (const auto& layer : answer.layers)
    table.add({layer.layer, layer.decision, layer.handling, layer.rule, layer.description});
  if (!table.empty()) tool.terminal().out("\nlayer by layer\n" + table.render(tool.common.headers));
}

void print_changes_to_allow(const Tool& tool, const ExplainAnswer& answer) {
  if (answer.changes.empty()) return;
  tool.terminal().out("\nthe nearest change that would allow it\n");
  for (const auto& change : answer.changes) {
    const std::string place = change.place.empty() ? "" : " at " + change.place;
    tool.terminal().out(printable_lines(fmt::format("# {}{}\n", change.what, place)));
    if (change.yaml.empty()) continue;
    tool.terminal().out(printable_lines(change.yaml + (change.yaml.ends_with('\n') ? "" : "\n")));
  }
}

ExitCode explain(Tool& tool, const ExplainOptions& options) {
  // Parsed here in any case: a misspelt target is a usage error, whoever would answer.
  const auto target = control::parse_explain_target(joined(options.words));
  if (!target) return tool.usage(target.error().message);
  const auto labels = labels_from(options.labels);
  if (!labels) return tool.usage(labels.error().message);

  const auto body =
      options.policy.empty() ? ask_daemon(tool, options, *labels) : ask_files(tool, options, *labels, *target);
  if (!body) return tool.usage(body.error());
  const auto answer = control::decode_explain(*body);
  if (!answer) return tool.report(answer.error());
  if (tool.json()) {
    tool.print_json(*body);
  } else {
    print_verdict(tool, *answer);
    print_layers(tool, *answer);
    print_rules(tool, *answer);
    print_changes_to_allow(tool, *answer);
    for (const std::string& hint : answer->hints) tool.say("hint: " + hint);
  }
  return options.exit_code && answer->decision != "allow" ? ExitCode::kFindings : ExitCode::kOk;
}

}  // namespace

void add_explain(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "explain",
       .summary = "Says what would happen to a connection or request, by which rule, and what nearly matched",
       .examples = {"explain api.github.com --guest agent-1", "explain cache.acme.example:6379 -l role=agent",
                    "explain GET https://api.github.com/repos/acme/w --policy agent.yaml --policy credentials.yaml -l "
                    "role=agent",
                    "explain aws cloudformation:DeleteStack us-east-1 --guest agent-1",
                    "explain git push github.com/acme/w refs/heads/main --guest agent-1",
                    "explain wss://chat.acme.example/socket --guest agent-1",
                    "explain 10.0.0.7:22 --guest agent-1 --exit-code"},
       .more =
           "Layer by layer, with what would be added, and for a denial the nearest change that was found to allow it.\n"
           "Nothing is resolved or contacted. Without --guest the question is about a guest with just the labels\n"
           "given. With --policy the files are asked instead of the daemon, tests of theirs that fail or not."});
  verb.add_option(
          "TARGET", options->words,
          "host, host:port, IP:port, URL, METHOD URL, aws SERVICE:Action REGION, git fetch HOST/OWNER/NAME, or git "
          "push HOST/OWNER/NAME REF… (+REF: forced, :REF: deleted)")
      ->required()
      ->expected(1, 16);
  verb.add_option("-g,--guest", options->guest, "Ask for this guest")->type_name("GUEST");
  add_repeatable(verb, "-l,--label", options->labels, "Ask for a guest with this label", "K=V");
  add_repeatable(verb, "--policy", options->policy, "Ask these policy files", "FILE");
  verb.add_flag("--exit-code", options->exit_code, "Exit with 3 when the answer is not allow");
  when_chosen(verb, line, options, explain);
}

}  // namespace enforcer::ctl
