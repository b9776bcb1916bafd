#include "enforcerctl/guest_command.h"

#include <unistd.h>

#include "enforcerctl/guests.h"
#include "enforcerctl/raw_terminal.h"

namespace enforcer::ctl {
namespace {

bool wants_terminal(const ExecOptions& options) {
  if (options.tty == ExecOptions::Tty::kAuto) return is_typed_at(STDIN_FILENO) && isatty(STDOUT_FILENO) == 1;
  return options.tty == ExecOptions::Tty::kAlways;
}

/// With the local terminal raw, if there is one, and only for as long as the command lasts.
Result<ExecOutcome> run_on_terminal(Fd connection, const std::string& command, const SignalWatch& signals) {
  std::optional<RawTerminal> raw;
  if (is_typed_at(STDIN_FILENO)) raw.emplace(TRY(RawTerminal::begin(STDIN_FILENO)));
  ExecSession session(std::move(connection), command, StandardStreams{}, signals, ExecSession::Far::kTerminal);
  return session.run();
}

}  // namespace

int own_failure(const Tool& tool, const Error& error) {
  (void)tool.report(error);
  return kOwnFailure;
}

int run_in_guest(const Tool& tool, const GuestName& name, const ExecOptions& options, const SignalWatch& signals) {
  const auto daemon = tool.client();
  if (!daemon) return own_failure(tool, daemon.error());
  const auto placeholders = environment_of(tool, name);
  if (!placeholders) return own_failure(tool, placeholders.error());
  const bool terminal = wants_terminal(options);
  const auto size = terminal ? std::optional(StandardStreams{}.window()) : std::nullopt;
  const auto command = command_json(options, *placeholders, size);
  if (!command) return own_failure(tool, command.error());
  auto connection = daemon->upgrade(guest_target(name, "/exec"), Deadline::after(kExecPatience));
  if (!connection) return own_failure(tool, connection.error());
  const auto outcome =
      terminal
          ? run_on_terminal(*std::move(connection), *command, signals)
          : ExecSession(*std::move(connection), *command, StandardStreams{}, signals, ExecSession::Far::kPipes).run();
  if (!outcome) return own_failure(tool, outcome.error());
  if (!outcome->failure.empty()) (void)tool.report({Errc::kNotFound, outcome->failure});
  return outcome->status;
}

}  // namespace enforcer::ctl
