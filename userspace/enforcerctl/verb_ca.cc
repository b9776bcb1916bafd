// ca: the CA that a guest trusts, which signs for the origins whose TLS is looked into.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

struct CaOptions {
  std::string guest;
};

ExitCode show(Tool& tool, const CaOptions& options) {
  const auto name = GuestName::parse(options.guest);
  if (!name) return tool.usage(name.error().message);
  const auto body = tool.ask("GET", guest_target(*name, "/ca"));
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const auto authority = control::decode_authority(*body);
  if (!authority) return tool.report(authority.error());
  Table table({"SUBJECT", "NOT BEFORE", "NOT AFTER", "SHA-256"});
  table.add({authority->subject, control::format_time(authority->not_before),
             control::format_time(authority->not_after), authority->fingerprint});
  tool.terminal().out(table.render(tool.common.headers));
  return ExitCode::kOk;
}

/// Never JSON, whatever -o says: what comes out is a certificate file.
ExitCode export_pem(Tool& tool, const CaOptions& options) {
  const auto name = GuestName::parse(options.guest);
  if (!name) return tool.usage(name.error().message);
  const auto body = tool.ask("GET", guest_target(*name, "/ca"));
  if (!body) return tool.report(body.error());
  const auto authority = control::decode_authority(*body);
  if (!authority) return tool.report(authority.error());
  tool.terminal().out(printable_lines(authority->pem));
  return ExitCode::kOk;
}

template <class Do>
void add_ca_verb(CLI::App& group, CommandLine& line, const VerbText& text, Do action) {
  auto options = std::make_shared<CaOptions>();
  CLI::App& verb = add_verb(group, line, text);
  verb.add_option("GUEST", options->guest, "The guest's name")->required();
  when_chosen(verb, line, options, action);
}

}  // namespace

void add_ca(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(root, line,
                              {.name = "ca",
                               .summary = "Shows the CA that a guest trusts",
                               .examples = {"ca show agent-1", "ca export agent-1 > enforcer.crt"},
                               .more = ""});
  add_ca_verb(group, line,
              {.name = "show",
               .summary = "Shows whose it is, how long it is valid, and its fingerprint",
               .examples = {"ca show agent-1", "ca show agent-1 -o json"},
               .more = ""},
              show);
  add_ca_verb(
      group, line,
      {.name = "export",
       .summary = "Prints its certificate as PEM",
       .examples = {"ca export agent-1 > enforcer.crt"},
       .more = "A microVM is told by itself. A container that is attached trusts it when it is started with\n"
               "  docker run --network none -v $PWD/enforcer.crt:/usr/local/share/ca-certificates/enforcer.crt:ro\n"
               "and runs update-ca-certificates, or is given SSL_CERT_FILE, NODE_EXTRA_CA_CERTS and the like."},
      export_pem);
}

}  // namespace enforcer::ctl
