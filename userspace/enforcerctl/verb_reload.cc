// reload: the policy files as they are now, all or nothing.
#include "enforcerctl/command_line.h"
#include "enforcerctl/load_report.h"

namespace enforcer::ctl {
namespace {

struct ReloadOptions {};

ExitCode reload(Tool& tool, const ReloadOptions&) {
  return load_and_report(tool, "/v1/reload", {});
}

}  // namespace

void add_reload(CLI::App& root, CommandLine& line) {
  CLI::App& verb =
      add_verb(root, line,
               {.name = "reload",
                .summary = "Reads the policy files again, all or nothing",
                .examples = {"reload"},
                .more = "When a file is wrong nothing changes: the problems are listed and the exit code is 3."});
  when_chosen(verb, line, std::make_shared<ReloadOptions>(), reload);
}

}  // namespace enforcer::ctl
