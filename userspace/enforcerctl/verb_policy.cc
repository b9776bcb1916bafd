// policy: the verbs about policy files.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_policy(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(root, line,
                              {.name = "policy",
                               .summary = "Checks, applies and lists policies",
                               .examples = {"policy check agent.yaml", "policy apply agent.yaml", "policy list"},
                               .more = ""});
  add_policy_check(group, line);
  add_policy_apply(group, line);
  add_policy_list(group, line);
}

}  // namespace enforcer::ctl
