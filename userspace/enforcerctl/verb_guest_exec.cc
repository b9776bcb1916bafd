// guest exec: one more command in a guest that runs.
#include "enforcerctl/command_line.h"
#include "enforcerctl/guest_command.h"

namespace enforcer::ctl {
namespace {

struct GuestExecOptions {
  std::string name;
  ExecOptions exec;
};

int run_in_running_guest(Tool& tool, const GuestExecOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return own_failure(tool, name.error());
  ExecOptions exec = options.exec;
  // Behind the guest's name all words are taken as they are, also the one that keeps the command apart.
  if (exec.command.front() == "--") exec.command.erase(exec.command.begin());
  if (exec.command.empty()) return own_failure(tool, {Errc::kInvalid, "COMMAND is required"});
  if (const auto command = command_json(exec, {}, std::nullopt); !command) return own_failure(tool, command.error());
  const auto signals = SignalWatch::begin();
  if (!signals) return own_failure(tool, signals.error());
  return run_in_guest(tool, *name, exec, *signals);
}

}  // namespace

void add_guest_exec(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestExecOptions>();
  CLI::App& verb =
      add_verb(guest, line,
               {.name = "exec",
                .summary = "Runs a command in a guest, beside what runs there already",
                .examples = {"guest exec agent-1 -- bash", "guest exec -e LEVEL=3 agent-1 -- make test",
                             "guest exec --root agent-1 -- apt-get update"},
                .more = std::string("Options come before the guest's name. Four commands run in a guest at a time.\n") +
                        kExecStatus});
  verb.add_option("GUEST", options->name, "The guest")->required();
  add_exec_options(verb, options->exec);
  when_chosen(verb, line, options, run_in_running_guest);
}

}  // namespace enforcer::ctl
