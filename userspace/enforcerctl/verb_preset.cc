// preset: the verbs about rules for single capabilities, which are files of this machine; they need no daemon.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_preset(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(root, line,
                              {.name = "preset",
                               .summary = "Lists and shows rules for single capabilities, to be put into policies",
                               .examples = {"preset list", "preset show git-github --set 'repos=acme/*'"},
                               .more = ""});
  add_preset_list(group, line);
  add_preset_show(group, line);
}

}  // namespace enforcer::ctl
