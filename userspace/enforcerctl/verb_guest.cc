// guest: the verbs about guests.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_guest(CLI::App& root, CommandLine& line) {
  CLI::App& group =
      add_group(root, line,
                {.name = "guest",
                 .summary = "Makes, lists and removes guests",
                 .examples = {"guest list", "guest create agent-1 -l role=agent", "guest exec agent-1 -- sh",
                              "guest attach box --netns /run/netns/box", "guest delete agent-1"},
                 .more = ""});
  add_guest_list(group, line);
  add_guest_get(group, line);
  add_guest_create(group, line);
  add_guest_exec(group, line);
  add_guest_delete(group, line);
  add_guest_attach(group, line);
  add_guest_detach(group, line);
  add_guest_label(group, line);
  add_guest_pause(group, line);
  add_guest_resume(group, line);
  add_guest_environment(group, line);
}

}  // namespace enforcer::ctl
