// guest attach: boxes in what runs in a network namespace that has no link yet.
#include <fmt/format.h>

#include <filesystem>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct AttachOptions {
  std::string name;
  std::vector<std::string> labels;
  std::string netns;
  int pid = 0;
};

ExitCode attach(Tool& tool, const AttachOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  auto labels = labels_from(options.labels);
  if (!labels) return tool.usage(labels.error().message);
  if (options.netns.empty() == (options.pid == 0)) return tool.usage("give either --netns PATH or --pid PID");
  // The daemon has another working directory than the caller.
  const std::string path = options.netns.empty() ? fmt::format("/proc/{}/ns/net", options.pid)
                                                 : std::filesystem::absolute(options.netns).string();
  return print_made_guest(
      tool, tool.ask("POST", guest_target(*name, "/attach"),
                     control::encode_attach({.name = *name, .labels = *std::move(labels), .netns = path})));
}

}  // namespace

void add_guest_attach(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<AttachOptions>();
  CLI::App& verb = add_verb(
      guest, line,
      {.name = "attach",
       .summary = "Gives a network namespace without links its only way out",
       .examples = {"guest attach box --netns /run/netns/box -l role=agent",
                    "guest attach web --pid $(docker inspect -f '{{.State.Pid}}' web)   # docker run --network none"},
       .more = "A namespace that has a link of its own besides lo is refused: it would be a second way out."});
  verb.add_option("NAME", options->name, "What to call the guest")->required();
  verb.add_option("--netns", options->netns, "The network namespace")->type_name("PATH");
  verb.add_option("--pid", options->pid, "A process in the network namespace")
      ->type_name("PID")
      ->check(CLI::PositiveNumber);
  add_repeatable(verb, "-l,--label", options->labels, "A label", "K=V");
  when_chosen(verb, line, options, attach);
}

}  // namespace enforcer::ctl
