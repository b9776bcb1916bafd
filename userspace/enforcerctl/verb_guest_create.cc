// guest create: boots a microVM.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"
#include "hostproto/messages.h"

namespace enforcer::ctl {
namespace {

struct CreateOptions {
  std::string name;
  std::vector<std::string> labels;
  std::string image = "mini";
  std::uint32_t memory_mib = 0;  ///< 0: the image's
  std::uint32_t cpus = 1;
  bool wait = false;
};

ExitCode create(Tool& tool, const CreateOptions& options) {
  auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  auto labels = labels_from(options.labels);
  if (!labels) return tool.usage(labels.error().message);
  const auto body = tool.ask("POST", "/v1/guests",
                             control::encode_create({.name = *name,
                                                     .labels = *std::move(labels),
                                                     .image = options.image,
                                                     .memory_mib = options.memory_mib,
                                                     .cpus = options.cpus}),
                             kBootPatience);
  if (!body || !options.wait) return print_made_guest(tool, body);
  const auto running = wait_until_running(tool, *name, Deadline::after(kBootPatience), [] { return false; });
  if (!running) return tool.report(running.error());
  return print_made_guest(tool, control::encode_guest({.guest = *running, .warning = ""}));
}

}  // namespace

void add_guest_create(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App& verb =
      add_verb(guest, line,
               {.name = "create",
                .summary = "Boots a microVM that can reach only what policies allow",
                .examples = {"guest create agent-1 -l role=agent", "guest create big --memory 2048 --cpus 2 --wait"},
                .more = "Policies select guests by label or by name; without one everything is denied."});
  verb.add_option("NAME", options->name, "1-40 of a-z, 0-9 and '-'")->required();
  add_repeatable(verb, "-l,--label", options->labels, "A label", "K=V");
  verb.add_option("--image", options->image, "The image to boot (mini)")->type_name("IMAGE");
  verb.add_option("--memory", options->memory_mib, "Memory (what the image wants)")
      ->type_name("MIB")
      ->check(CLI::Range(hostproto::kLeastMemoryMib, hostproto::kMostMemoryMib));
  verb.add_option("--cpus", options->cpus, "Processors (1)")
      ->type_name("N")
      ->check(CLI::Range(1U, hostproto::kMostCpus));
  verb.add_flag("--wait", options->wait, "Wait until it runs");
  when_chosen(verb, line, options, create);
}

}  // namespace enforcer::ctl
