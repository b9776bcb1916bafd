// policy check: everything that is wrong with policy files; needs no daemon.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/diagnostic_json.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/policy_files.h"
#include "policy/loader.h"

namespace enforcer::ctl {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
};

ExitCode check(Tool& tool, const CheckOptions& options) {
  const auto sources = read_policy_files(options.files);
  const policy::LoadOutcome outcome = policy::load(sources, 1);
  const auto errors = static_cast<std::size_t>(
      std::ranges::count(outcome.diagnostics, policy::Severity::kError, &policy::Diagnostic::severity));
  if (tool.common.output == Output::kJsonLines) {
    for (const auto& diagnostic : outcome.diagnostics) tool.print_json(control::dump(diagnostic_json(diagnostic)));
  } else if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["valid"] = outcome.snapshot != nullptr;
    answer["diagnostics"] = nlohmann::json::array();
    for (const auto& diagnostic : outcome.diagnostics) answer["diagnostics"].push_back(diagnostic_json(diagnostic));
    tool.print_json(control::dump(answer));
  } else {
    for (const auto& diagnostic : outcome.diagnostics) {
      tool.terminal().out(diagnostic_line(tool.terminal(), diagnostic) + "\n");
    }
  }
  const auto warnings = outcome.diagnostics.size() - errors;
  const std::size_t read = sources.size() - policy::refusals_of(sources).size();
  tool.say(fmt::format("{} checked: {}, {}", count_of(read, "file"), count_of(errors, "error"),
                       count_of(warnings, "warning")));
  const bool nothing = policy::has_no_object(sources, outcome.diagnostics);
  return outcome.snapshot == nullptr || nothing ? ExitCode::kFindings : ExitCode::kOk;
}

}  // namespace

void add_policy_check(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "check",
       .summary = "Says everything that is wrong with policy files, without a daemon",
       .examples = {"policy check agent.yaml", "policy check /etc/enforcer/policies", "policy check - < agent.yaml"},
       .more = "Exit code 3: there are errors, or no object at all. Warnings alone are 0."});
  add_policy_files(verb, options->files, Files::kNeeded);
  when_chosen(verb, line, options, check);
}

}  // namespace enforcer::ctl
