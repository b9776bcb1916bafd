// guest get: one guest.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guest_table.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestGetOptions {
  std::string name;
};

ExitCode get_guest(Tool& tool, const GuestGetOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto body = tool.ask("GET", guest_target(*name));
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto answer = control::decode_guest(*body);
  if (!answer) return tool.report(answer.error());
  if (tool.common.output == Output::kName) {
    tool.terminal().out(answer->guest.name.text() + "\n");
    return ExitCode::kOk;
  }
  const bool wide = tool.common.output == Output::kWide;
  const Table table = guest_table({answer->guest}, WallClock::now(), wide ? GuestColumns::kAll : GuestColumns::kUsual);
  tool.terminal().out(table.render(tool.common.headers));
  return ExitCode::kOk;
}

}  // namespace

void add_guest_get(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestGetOptions>();
  CLI::App& verb =
      add_verb(guest, line,
               {.name = "get",
                .summary = "Shows one guest",
                .examples = {"guest get agent-1", "guest get agent-1 -o wide", "guest get agent-1 -o yaml"},
                .more = "The columns are those of 'guest list'.",
                .forms = {Output::kWide, Output::kName}});
  verb.add_option("GUEST", options->name, "The guest")->required();
  when_chosen(verb, line, options, get_guest);
}

}  // namespace enforcer::ctl
