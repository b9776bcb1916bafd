// policy test: asks every one of spec.tests, and says which rules none of them reaches; needs no daemon.
#include <fmt/format.h>

#include "base/text.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/policy_files.h"
#include "enforcerctl/test_report.h"

namespace enforcer::ctl {
namespace {

struct PolicyTestOptions {
  std::vector<std::string> files;
  bool coverage = false;
};

void print_unreached(const Tool& tool, const policy::TestOutcome& outcome) {
  Table table({"LIST", "RULE WITHOUT A TEST", "PLACE"});
  for (const policy::RuleReach& reach : outcome.rules) {
    if (reach.tests == 0) table.add({std::string(label(reach.list)), reach.rule.name, reach.place});
  }
  if (!table.empty()) tool.terminal().out("\n" + table.render(tool.common.headers));
}

void print_tests(const Tool& tool, const policy::TestOutcome& outcome, Coverage coverage) {
  Table table({"RESULT", "POLICY", "QUESTION", "EXPECT", "GOT", "RULE", "PLACE"});
  for (const policy::TestRun& run : outcome.tests) {
    table.add({std::string(label(run.result)), run.policy, run.text, std::string(label(run.expect)),
               std::string(label(run.got)), run.rule, fmt::format("{}:{}", run.file, run.place.line)});
  }
  if (!table.empty()) tool.terminal().out(table.render(tool.common.headers));
  for (const policy::TestRun& run : outcome.tests) {
    if (run.result == policy::TestResult::kFailed)
      tool.say(fmt::format("{}:{}:{}: {}", run.file, run.place.line, run.place.column, run.message));
  }
  if (coverage == Coverage::kTell) print_unreached(tool, outcome);
}

void print_outcome(const Tool& tool, const policy::TestOutcome& outcome, Coverage coverage) {
  switch (tool.common.output) {
    case Output::kJsonLines:
      for (const auto& item : test_items(outcome)) tool.print_json(control::dump(item));
      break;
    case Output::kJson:
    case Output::kYaml:
      tool.print_json(control::dump(test_json(outcome, coverage)));
      break;
    case Output::kJunit:
      tool.terminal().out(junit_text(outcome, coverage));
      break;
    case Output::kTap:
      tool.terminal().out(tap_text(outcome, coverage));
      break;
    case Output::kTable:
    case Output::kWide:
    case Output::kName:
      print_tests(tool, outcome, coverage);
      break;
  }
}

ExitCode test_policies(Tool& tool, const PolicyTestOptions& options) {
  const auto sources = read_policy_files(options.files);
  const policy::TestOutcome outcome = policy::ask_tests(sources);
  for (const auto& diagnostic : outcome.diagnostics) tool.say(diagnostic.to_string());
  print_outcome(tool, outcome, options.coverage ? Coverage::kTell : Coverage::kLeaveOut);
  if (!outcome.asked) {
    tool.say("the policies do not load, so no test was asked");
    return ExitCode::kFindings;
  }
  const TestCounts counts = counts_of(outcome);
  tool.say(fmt::format("{}: {} passed, {} failed, {} skipped", count_of(outcome.tests.size(), "test"), counts.passed,
                       counts.failed, counts.skipped));
  if (options.coverage) tool.say(coverage_line(outcome));
  const bool nothing = policy::has_no_object(sources, outcome.diagnostics);
  return counts.failed == 0 && !nothing ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void add_policy_test(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<PolicyTestOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "test",
       .summary = "Asks every one of spec.tests, without a daemon",
       .examples = {"policy test agent.yaml credentials.yaml --coverage", "policy test /etc/enforcer/policies -o junit",
                    "policy test agent.yaml -o tap | prove -e cat -"},
       .more = "Give all files that are to be in force together. -o junit and -o tap are for continuous integration.\n"
               "Exit code 3: a test failed, the files do not load, or they have no object at all.",
       .forms = {Output::kJunit, Output::kTap}});
  add_policy_files(verb, options->files, Files::kNeeded);
  verb.add_flag("--coverage", options->coverage, "Say which rules no test reaches");
  when_chosen(verb, line, options, test_policies);
}

}  // namespace enforcer::ctl
