// guest delete and guest detach: the same request, for one kind of guest each, so that nobody ends a microVM by
// mistake.
#include <fmt/format.h>

#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestDeleteOptions {
  std::string name;
};

ExitCode remove_guest(Tool& tool, const GuestDeleteOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto deleted = delete_guest(tool, *name);
  if (!deleted) return tool.report(deleted.error());
  tool.say(fmt::format("guest {} is gone", name->text()));
  return ExitCode::kOk;
}

ExitCode detach(Tool& tool, const GuestDeleteOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto guest = find_guest(tool, *name);
  if (!guest) return tool.report(guest.error());
  if (guest->kind != "attached") {
    return tool.report({Errc::kConflict, fmt::format("guest {} is a microVM: 'guest delete' ends it", name->text())});
  }
  return remove_guest(tool, options);
}

}  // namespace

void add_guest_delete(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestDeleteOptions>();
  CLI::App& verb = add_verb(guest, line,
                            {.name = "delete",
                             .summary = "Ends a guest at once and removes what belonged to it",
                             .examples = {"guest delete agent-1"},
                             .more = ""});
  verb.add_option("GUEST", options->name, "The guest")->required();
  when_chosen(verb, line, options, remove_guest);
}

void add_guest_detach(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestDeleteOptions>();
  CLI::App& verb = add_verb(guest, line,
                            {.name = "detach",
                             .summary = "Takes the link out of an attached network namespace",
                             .examples = {"guest detach box"},
                             .more = "What runs in the namespace goes on, without a network."});
  verb.add_option("GUEST", options->name, "The guest")->required();
  when_chosen(verb, line, options, detach);
}

}  // namespace enforcer::ctl
