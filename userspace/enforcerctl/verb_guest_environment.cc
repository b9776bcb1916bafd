// guest environment: the placeholders that make tools in a guest start, as lines for a shell.
#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct GuestEnvironmentOptions {
  std::string name;
};

/// The text as one word of a POSIX shell (XCU 2.2.2).
std::string shell_word(std::string_view text) {
  static constexpr std::string_view kPlain = "_-./:=@%+,";
  const auto is_plain = [](char c) { return ascii::is_alphanumeric(c) || kPlain.contains(c); };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

ExitCode print_environment(Tool& tool, const GuestEnvironmentOptions& options) {
  const auto name = GuestName::parse(options.name);
  if (!name) return tool.usage(name.error().message);
  const auto body = tool.ask("GET", guest_target(*name, "/environment"));
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto variables = control::decode_environment(*body);
  if (!variables) return tool.report(variables.error());
  for (const auto& [variable, value] : *variables) {
    tool.terminal().out(printable_lines(fmt::format("{}={}", variable, shell_word(value))) + "\n");
  }
  if (variables->empty()) tool.say("no credential of its policies has a placeholder");
  return ExitCode::kOk;
}

}  // namespace

void add_guest_environment(CLI::App& guest, CommandLine& line) {
  auto options = std::make_shared<GuestEnvironmentOptions>();
  CLI::App& verb = add_verb(
      guest, line,
      {.name = "environment",
       .summary = "Prints the variables that stand for credentials in a guest",
       .examples = {"guest environment agent-1", "guest environment agent-1 > box.env",
                    "guest environment agent-1 -o json"},
       .more =
           "Their values only look like credentials, so that tools start: they are worth nothing, and on its way to\n"
           "a host that the credential is bound to a request gets the real one. 'run' sets them by itself; for an\n"
           "attached namespace: set -a; eval \"$(enforcerctl guest environment NAME)\"."});
  verb.add_option("GUEST", options->name, "The guest")->required();
  when_chosen(verb, line, options, print_environment);
}

}  // namespace enforcer::ctl
