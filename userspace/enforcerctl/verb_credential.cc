// credential: the verbs about credentials. None of them can show a value: the daemon gives none out.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_credential(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(
      root, line,
      {.name = "credential",
       .summary = "Stores, lists, rotates, tests and removes values of credentials",
       .examples = {"credential list", "credential set github-bot", "credential rotate github-bot",
                    "credential test github-bot"},
       .more = "A credential is declared in a file (kind: Credential), which says where its value comes from\n"
               "and to which hosts it may go. 'set' is for those with 'source: {store: true}'."});
  add_credential_set(group, line);
  add_credential_list(group, line);
  add_credential_get(group, line);
  add_credential_rotate(group, line);
  add_credential_test(group, line);
  add_credential_delete(group, line);
}

}  // namespace enforcer::ctl
