// guest list.
#include <fmt/format.h>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestListOptions {};

std::string state_text(const control::GuestInfo& guest) {
  if (!guest.paused_since) return guest.state;
  return fmt::format("{} since {}", guest.state, control::format_time(*guest.paused_since));
}

ExitCode list_guests(Tool& tool, const GuestListOptions&) {
  const auto body = tool.ask("GET", "/v1/guests");
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto guests = control::decode_guests(*body);
  if (!guests) return tool.report(guests.error());
  Table table({"NAME", "KIND", "STATE", "ADDRESS", "IMAGE", "LABELS"});
  for (const auto& guest : *guests) {
    table.add({guest.name.text(), guest.kind, state_text(guest), guest.ipv4.to_string(), guest.image,
               labels_text(guest.labels)});
  }
  if (table.empty()) {
    tool.say("no guest");
  } else {
    tool.terminal().out(table.render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_guest_list(CLI::App& guest, CommandLine& line) {
  CLI::App& verb = add_verb(
      guest, line,
      {.name = "list", .summary = "Lists the guests", .examples = {"guest list", "guest list -o json"}, .more = ""});
  when_chosen(verb, line, std::make_shared<GuestListOptions>(), list_guests);
}

}  // namespace enforcer::ctl
