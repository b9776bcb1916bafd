// guest list.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guest_table.h"

namespace enforcer::ctl {
namespace {

struct GuestListOptions {};

ExitCode list_guests(Tool& tool, const GuestListOptions&) {
  const auto body = tool.ask("GET", "/v1/guests");
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto guests = control::decode_guests(*body);
  if (!guests) return tool.report(guests.error());
  if (tool.common.output == Output::kName) {
    for (const control::GuestInfo& guest : *guests) tool.terminal().out(guest.name.text() + "\n");
    return ExitCode::kOk;
  }
  const bool wide = tool.common.output == Output::kWide;
  const Table table = guest_table(*guests, tool.now(), wide ? GuestColumns::kAll : GuestColumns::kUsual);
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
      {.name = "list",
       .summary = "Lists the guests",
       .examples = {"guest list", "guest list -o wide", "guest list -o json"},
       .more = "UPTIME counts from when the guest was made. POLICY names the policies that select it; without one\n"
               "everything is denied. ALLOWED, DENIED and HELD count names that were asked for, connections and\n"
               "requests since this enforcerd knows the guest; 'log --guest NAME' says which. -o wide shows more.",
       .forms = {Output::kWide, Output::kName}});
  when_listed(verb, line, std::make_shared<GuestListOptions>(), list_guests);
}

}  // namespace enforcer::ctl
