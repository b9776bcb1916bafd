// credential get: one credential, all of it but its value.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/json.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/credential_table.h"

namespace enforcer::ctl {
namespace {

struct CredentialGetOptions {
  std::string name;
};

/// The daemon's own object, which was found among those it answered.
void print_one(const Tool& tool, std::string_view body, const std::string& name) {
  const auto all = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  nlohmann::json answer = control::answer_object();
  for (const auto& credential : all["credentials"]) {
    if (credential.value("name", "") == name) answer["credential"] = credential;
  }
  tool.print_json(control::dump(answer));
}

ExitCode get_credential(Tool& tool, const CredentialGetOptions& options) {
  const auto body = tool.ask("GET", "/v1/credentials");
  if (!body) return tool.report(body.error());
  const auto credentials = control::decode_credentials(*body);
  if (!credentials) return tool.report(credentials.error());
  const auto found = std::ranges::find(*credentials, options.name, &control::CredentialInfo::name);
  if (found == credentials->end()) {
    return tool.report({Errc::kNotFound, fmt::format("no credential '{}' is loaded", options.name)});
  }
  if (tool.json()) {
    print_one(tool, *body, options.name);
  } else if (tool.common.output == Output::kName) {
    tool.terminal().out(printable_lines(found->name) + "\n");
  } else {
    tool.terminal().out(credential_table({*found}).render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_credential_get(CLI::App& credential, CommandLine& line) {
  auto options = std::make_shared<CredentialGetOptions>();
  CLI::App& verb = add_verb(credential, line,
                            {.name = "get",
                             .summary = "Shows one credential, never its value",
                             .examples = {"credential get github-bot", "credential get github-bot -o yaml"},
                             .more = "The columns are those of 'credential list'. Nobody can be shown a value.",
                             .forms = {Output::kName}});
  verb.add_option("CREDENTIAL", options->name, "metadata.name")->required();
  when_chosen(verb, line, options, get_credential);
}

}  // namespace enforcer::ctl
