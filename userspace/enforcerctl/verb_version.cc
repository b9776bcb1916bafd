// version: of the tool, and of the daemon when it answers.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/json_object.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct VersionOptions {};

ExitCode version(Tool& tool, const VersionOptions&) {
  std::string daemon;
  if (const auto body = tool.ask("GET", "/v1/version", {}, std::chrono::seconds(2))) {
    const auto answer = nlohmann::json::parse(*body, nullptr, /*allow_exceptions=*/false);
    if (answer.is_object() && answer.contains("version") && answer["version"].is_string()) daemon = answer["version"];
  }
  if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["tool"] = tool_version();
    if (!daemon.empty()) answer["daemon"] = daemon;
    tool.print_json(control::dump(answer));
    return ExitCode::kOk;
  }
  tool.terminal().out(fmt::format("enforcerctl  {}\n", tool_version()));
  tool.terminal().out(fmt::format("enforcerd    {}\n", daemon.empty() ? "does not answer" : printable_lines(daemon)));
  return ExitCode::kOk;
}

}  // namespace

std::string_view tool_version() {
  return ENFORCER_VERSION;
}

void add_version(CLI::App& root, CommandLine& line) {
  CLI::App& verb = add_verb(root, line,
                            {.name = "version",
                             .summary = "Shows the versions of the tool and of the daemon",
                             .examples = {"version", "version -o json"},
                             .more = ""});
  when_chosen(verb, line, std::make_shared<VersionOptions>(), version);
}

}  // namespace enforcer::ctl
