// policy list: what is in force.
#include <fmt/format.h>

#include "control/explain.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct PolicyListOptions {};

ExitCode list_policies(Tool& tool, const PolicyListOptions&) {
  const auto body = tool.ask("GET", "/v1/policies");
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto policies = control::decode_policies(*body);
  if (!policies) return tool.report(policies.error());
  if (tool.common.output == Output::kName) {
    for (const auto& policy : *policies) tool.terminal().out(printable_lines(policy.name) + "\n");
    return ExitCode::kOk;
  }
  Table table({"KIND", "NAME", "MODE", "GUESTS", "ALLOW", "REVIEW", "DENY", "PLACE"});
  for (const auto& policy : *policies) {
    table.add({policy.kind, policy.name, policy.mode, policy.guests, std::to_string(policy.allow),
               std::to_string(policy.review), std::to_string(policy.deny),
               fmt::format("{}:{}", policy.file, policy.line)});
  }
  if (table.empty()) {
    tool.say("no policy is loaded: everything is denied");
  } else {
    tool.terminal().out(table.render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_policy_list(CLI::App& policy, CommandLine& line) {
  CLI::App& verb = add_verb(policy, line,
                            {.name = "list",
                             .summary = "Lists the policies in force",
                             .examples = {"policy list", "policy list -o name", "policy list -o json"},
                             .more = "",
                             .forms = {Output::kName}});
  when_listed(verb, line, std::make_shared<PolicyListOptions>(), list_policies);
}

}  // namespace enforcer::ctl
