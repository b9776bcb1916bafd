// review: the verbs about requests that are held until people decide.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_review(CLI::App& root, CommandLine& line) {
  CLI::App& group =
      add_group(root, line,
                {.name = "review",
                 .summary = "Shows held requests, and approves or rejects them",
                 .examples = {"review watch", "review list", "review show 7k3m9q2a",
                              "review approve 7k3m9q2a --comment \"as planned\"", "review reject 7k3m9q2a"},
                 .more = "A rule under 'review:' holds each request it matches until as many people as it wants have\n"
                         "agreed. Those people are root and the members of group enforcer-reviewer; enforcer-admin\n"
                         "alone is not enough. A review is named by its id or by its last characters, at least six."});
  add_review_list(group, line);
  add_review_show(group, line);
  add_review_approve(group, line);
  add_review_reject(group, line);
  add_review_watch(group, line);
}

}  // namespace enforcer::ctl
