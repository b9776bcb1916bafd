// credential test: whether an origin takes the value, found out by one request with it. What is shown is the answer's
// status.
#include <fmt/format.h>

#include "base/percent.h"
#include "control/json.h"
#include "control/route.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct CredentialTestOptions {
  std::string name;
  std::string host;
  std::string path;
  std::string guest;
};

std::string test_target(const CredentialTestOptions& options) {
  std::string target = fmt::format("/v1/credentials/{}/test", percent_encode(options.name));
  char mark = '?';
  const auto add = [&](std::string_view field, const std::string& value) {
    if (value.empty()) return;
    target += fmt::format("{}{}={}", mark, field, percent_encode(value));
    mark = '&';
  };
  add("host", options.host);
  add("path", options.path);
  add("guest", options.guest);
  return target;
}

std::string outcome_text(const control::CredentialTest& test) {
  const std::string port = test.port == kHttpsPort ? "" : fmt::format(":{}", static_cast<unsigned>(test.port));
  return fmt::format("{}{} answered {} to GET {} in {:.2f} s", test.host, port, test.status, test.path,
                     std::chrono::duration<double>(test.took).count());
}

ExitCode try_credential(Tool& tool, const CredentialTestOptions& options) {
  const auto body = tool.ask("POST", test_target(options), {}, std::chrono::seconds(60));
  if (!body) return tool.report(body.error());
  const auto test = control::decode_credential_test(*body);
  if (!test) return tool.report(test.error());
  if (tool.json()) {
    tool.print_json(*body);
  } else {
    tool.terminal().out(printable_lines(outcome_text(*test)) + "\n");
  }
  return test->status < 400 ? ExitCode::kOk : ExitCode::kFailed;
}

}  // namespace

void add_credential_test(CLI::App& credential, CommandLine& line) {
  auto options = std::make_shared<CredentialTestOptions>();
  CLI::App& verb = add_verb(
      credential, line,
      {.name = "test",
       .summary = "Sends one GET with a credential and says what was answered",
       .examples = {"credential test github-bot", "credential test github-bot --path /rate_limit",
                    "credential test cost-reports --host ce.us-east-1.amazonaws.com --guest agent-1"},
       .more = "The daemon sends it, to a host that the credential is bound to, inside TLS that proves the host. Exit\n"
               "code 1: the answer was 400 or more, or there was none. Neither the value nor what was answered beyond\n"
               "the status is shown."});
  verb.add_option("CREDENTIAL", options->name, "The credential")->required();
  verb.add_option("--host", options->host, "Ask this host (the first that it is bound to)")->type_name("HOST[:PORT]");
  verb.add_option("--path", options->path, "Ask for this path (/)")->type_name("/PATH");
  verb.add_option("-g,--guest", options->guest, "As this guest, where values differ by guest")->type_name("GUEST");
  when_chosen(verb, line, options, try_credential);
}

}  // namespace enforcer::ctl
