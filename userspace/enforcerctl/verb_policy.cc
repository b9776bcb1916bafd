// policy: the verbs about policy files.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_policy(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(
      root, line,
      {.name = "policy",
       .summary = "Writes, checks, tests, compares, applies and rolls back policies, and learns from the past",
       .examples = {"policy init --start balanced", "policy check agent.yaml", "policy test agent.yaml --coverage",
                    "policy apply agent.yaml", "policy list", "policy suggest --guest agent-1",
                    "policy replay --policy agent.yaml"},
       .more = ""});
  add_policy_init(group, line);
  add_policy_check(group, line);
  add_policy_test(group, line);
  add_policy_diff(group, line);
  add_policy_apply(group, line);
  add_policy_list(group, line);
  add_policy_fmt(group, line);
  add_policy_get(group, line);
  add_policy_history(group, line);
  add_policy_rollback(group, line);
  add_policy_suggest(group, line);
  add_policy_replay(group, line);
  add_explain(group, line);
}

}  // namespace enforcer::ctl
