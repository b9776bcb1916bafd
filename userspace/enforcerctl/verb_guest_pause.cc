// guest pause and guest resume: a microVM stands still, and runs on.
#include <fmt/format.h>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestPauseOptions {
  std::string name;
  std::string most = "15m";
};

struct GuestResumeOptions {
  std::string name;
};

ExitCode pause_guest(Tool& tool, const GuestPauseOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto most = parse_duration(options.most);
  if (!most || *most < std::chrono::seconds(1) || *most > control::kMaxPause) {
    return tool.usage(
        fmt::format("--for {}: a duration from 1s to {}", options.most, duration_text(control::kMaxPause)));
  }
  return print_made_guest(tool, tool.ask("POST", guest_target(*name, "/pause"), control::encode_pause(*most)));
}

ExitCode resume_guest(Tool& tool, const GuestResumeOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  return print_made_guest(tool, tool.ask("POST", guest_target(*name, "/resume")));
}

}  // namespace

void add_guest_pause(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestPauseOptions>();
  CLI::App& verb =
      add_verb(guest, line,
               {.name = "pause",
                .summary = "Lets a microVM stand still",
                .examples = {"guest pause agent-1", "guest pause agent-1 --for 2m"},
                .more = "No time passes in it: its connections and time-outs wait. It runs on after 'guest resume', or "
                        "when the time is over."});
  verb.add_option("GUEST", options->name, "The guest")->required();
  verb.add_option("--for", options->most, "At most so long: 30s, 2m; 15m at the most")
      ->type_name("DURATION")
      ->capture_default_str();
  when_chosen(verb, line, options, pause_guest);
}

void add_guest_resume(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestResumeOptions>();
  CLI::App& verb = add_verb(guest, line,
                            {.name = "resume",
                             .summary = "Lets a paused microVM run on",
                             .examples = {"guest resume agent-1"},
                             .more = "Its wall clock is set. Requests that are held keep it paused until they are "
                                     "decided, where their rule says so."});
  verb.add_option("GUEST", options->name, "The guest")->required();
  when_chosen(verb, line, options, resume_guest);
}

}  // namespace enforcer::ctl
