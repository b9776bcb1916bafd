// What a command line says about a command in a guest: shared by `run` and `guest exec`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "hostproto/exec_frame.h"

namespace CLI {
class App;
}

namespace enforcer::ctl {

struct ExecOptions {
  std::vector<std::string> env;  ///< NAME=value
  std::string cwd;               ///< empty: where the guest puts it
  enum class Tty { kAuto, kAlways, kNever } tty = Tty::kAuto;
  enum class User { kUsual, kRoot } user = User::kUsual;
  std::vector<std::string> command;  ///< at least one word
};

/// The options, and COMMAND behind everything else.
void add_exec_options(CLI::App& verb, ExecOptions& options);

/// What --help says of the exit status.
inline constexpr const char* kExecStatus =
    "The exit status is the command's; 125: enforcerctl itself failed (2: its options are wrong); 126: the command\n"
    "cannot be executed; 127: it was not found; 128+n: it died of signal n. With a terminal on both sides of this\n"
    "tool the command gets one, too.";

/// The command as the guest is told it, with a terminal of that size or none. Of the guest's placeholders those that no
/// --env replaces. kInvalid, also for what is not UTF-8.
Result<std::string> command_json(const ExecOptions& options, const control::Variables& placeholders,
                                 std::optional<hostproto::WindowSize> tty);

}  // namespace enforcer::ctl
