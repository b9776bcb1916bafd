// credential delete: the stored value goes; its declaration stays, and requests that need it are denied.
#include <fmt/format.h>

#include "base/percent.h"
#include "control/route.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/prompt.h"

namespace enforcer::ctl {
namespace {

struct CredentialDeleteOptions {
  std::string name;
  bool yes = false;
  bool no_input = false;
};

ExitCode remove_value(Tool& tool, const CredentialDeleteOptions& options) {
  if (!options.yes && (options.no_input || !input_is_a_terminal())) {
    return tool.usage("add -y: there is no terminal to ask at");
  }
  const std::string question = fmt::format("Delete the stored value of {}? Requests that need it will be denied.",
                                           printable_lines(options.name));
  if (!options.yes && !ask_for_consent(tool.terminal(), question)) {
    tool.say("nothing was deleted");
    return ExitCode::kFailed;
  }
  const auto deleted = tool.ask("DELETE", "/v1/credentials/" + percent_encode(options.name));
  if (!deleted) return tool.report(deleted.error());
  if (tool.json()) {
    tool.print_json(*deleted);
  } else {
    tool.say(fmt::format("the value of credential {} is deleted", options.name));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_credential_delete(CLI::App& credential, CommandLine& line) {
  auto options = std::make_shared<CredentialDeleteOptions>();
  CLI::App& verb = add_verb(credential, line,
                            {.name = "delete",
                             .summary = "Removes the stored value of a credential",
                             .examples = {"credential delete github-bot", "credential delete github-bot -y"},
                             .more = ""});
  verb.add_option("CREDENTIAL", options->name, "The credential")->required();
  verb.add_flag("-y,--yes", options->yes, "Do not ask");
  verb.add_flag("--no-input", options->no_input, "Fail where a question would be asked");
  when_chosen(verb, line, options, remove_value);
}

}  // namespace enforcer::ctl
