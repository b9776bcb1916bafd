// audit: the verbs about the audit log as files; they need no daemon.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_audit(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(root, line,
                              {.name = "audit",
                               .summary = "Checks the files of the audit log",
                               .examples = {"audit verify", "audit export --since 1d > day.jsonl"},
                               .more = "To read records: enforcerctl log."});
  add_audit_verify(group, line);
  add_audit_export(group, line);
}

}  // namespace enforcer::ctl
