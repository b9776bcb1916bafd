// credential list: where each value comes from, where it may go, and whether it is there.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/credential_table.h"

namespace enforcer::ctl {
namespace {

struct CredentialListOptions {};

ExitCode list_credentials(Tool& tool, const CredentialListOptions&) {
  const auto body = tool.ask("GET", "/v1/credentials");
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto credentials = control::decode_credentials(*body);
  if (!credentials) return tool.report(credentials.error());
  if (tool.common.output == Output::kName) {
    for (const auto& info : *credentials) tool.terminal().out(printable_lines(info.name) + "\n");
    return ExitCode::kOk;
  }
  const Table table = credential_table(*credentials);
  if (table.empty()) {
    tool.say("no credential is loaded");
  } else {
    tool.terminal().out(table.render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_credential_list(CLI::App& credential, CommandLine& line) {
  CLI::App& verb =
      add_verb(credential, line,
               {.name = "list",
                .summary = "Lists the credentials, never their values",
                .examples = {"credential list", "credential list -o name", "credential list -o json"},
                .more = "A value that has to be asked for (exec, vault, an exchange) is 'not asked' until a request\n"
                        "needs it. Of assumeRole, which each guest has its own of, the state is that of the source.",
                .forms = {Output::kName}});
  when_listed(verb, line, std::make_shared<CredentialListOptions>(), list_credentials);
}

}  // namespace enforcer::ctl
