// policy apply: gives policy files to the daemon, all or nothing.
#include "enforcerctl/command_line.h"
#include "enforcerctl/load_report.h"
#include "enforcerctl/option_values.h"

namespace enforcer::ctl {
namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  std::string timeout = "30s";
};

ExitCode apply(Tool& tool, const ApplyOptions& options) {
  const auto patience = parse_duration(options.timeout);
  if (!patience) return tool.usage(patience.error().message);
  const auto body = apply_request(options.files);
  return body ? load_and_report(tool, "/v1/policies", *body, *patience) : tool.report(body.error());
}

}  // namespace

void add_policy_apply(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<ApplyOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "apply",
       .summary = "Gives policies to the daemon, which keeps them and puts them in force",
       .examples = {"policy apply agent.yaml", "policy apply -f agent.yaml", "policy apply -f - < agent.yaml"},
       .more =
           "An object of the same kind and name is replaced. All or nothing: exit code 3 and a list of problems\n"
           "when something is wrong, 7 when an object belongs to a file in the daemon's configuration. Returns when\n"
           "every guest is decided about by the new generation, on live connections too; 6 when that takes too long."});
  add_policy_files(verb, options->files, Files::kNeeded);
  verb.add_option("--timeout", options->timeout, "How long to wait (30s)")->type_name("DURATION");
  when_chosen(verb, line, options, apply);
}

}  // namespace enforcer::ctl
