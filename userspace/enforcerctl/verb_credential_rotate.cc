// credential rotate: the source is asked again, and what was sent with the value before is closed.
#include <fmt/format.h>

#include "base/percent.h"
#include "control/json.h"
#include "control/route.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct CredentialRotateOptions {
  std::string name;
};

ExitCode rotate(Tool& tool, const CredentialRotateOptions& options) {
  const auto body = tool.ask("POST", fmt::format("/v1/credentials/{}/rotate", percent_encode(options.name)));
  if (!body) return tool.report(body.error());
  const auto rotation = control::decode_rotation(*body);
  if (!rotation) return tool.report(rotation.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  tool.say(fmt::format("credential {} has {}{}", options.name,
                       rotation->changed ? "a new value" : "the same value as before",
                       rotation->expires ? ", until " + control::format_time(*rotation->expires) : ""));
  return ExitCode::kOk;
}

}  // namespace

void add_credential_rotate(CLI::App& credential, CommandLine& line) {
  auto options = std::make_shared<CredentialRotateOptions>();
  CLI::App& verb = add_verb(
      credential, line,
      {.name = "rotate",
       .summary = "Asks the source of a credential for its value again",
       .examples = {"credential rotate github-bot", "credential rotate github-bot -o json"},
       .more =
           "The value before is not used any more, and connections that it was sent over are closed, also when the\n"
           "source gives the same value again or fails. Where a token or keys are made of what the source gives, they "
           "are\n"
           "what is new or the same. Of a stored value there is no source to ask: give the new one with\n"
           "'credential set'."});
  verb.add_option("CREDENTIAL", options->name, "The credential")->required();
  when_chosen(verb, line, options, rotate);
}

}  // namespace enforcer::ctl
