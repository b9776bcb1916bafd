// The exit codes of the tool: an interface for scripts, documented in --help. `run` and `guest exec` have
// the command's (guest_command.h).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer::ctl {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  /// The command line is wrong: an unknown word, a value that is none of its kind, a name that cannot be one, a value
  /// that is missing. Found before anything is asked or changed.
  kUsage = 2,
  /// The verb did what it was asked to, and what it looked at is not well: policies or a configuration that do not
  /// load, whichever verb reads them and whatever is wrong with them (that they cannot be read, too); policies that
  /// fail a test, differ (policy diff) or are not in the layout (policy fmt); an image that is not as it was built, a
  /// log that was changed, a check of doctor's that fails, a replay that decides otherwise; explain --exit-code:
  /// denied. And status: the daemon is not running.
  kFindings = 3,
  kNotPermitted = 4,
  kNotFound = 5,
  kTimeout = 6,
  kConflict = 7,
};

struct ExitMeaning {
  ExitCode code;
  std::string_view meaning;
};
/// What --help and the manual page say, in order, every code once.
[[nodiscard]] std::span<const ExitMeaning> exit_meanings();
/// "Exit codes: 0 ok, 1 failed, …", in three lines.
[[nodiscard]] std::string exit_codes_text();

/// Of `run` and `guest exec`, when not their command but they themselves failed.
inline constexpr int kOwnFailure = 125;
/// What both --help and the manual page say about those two.
[[nodiscard]] std::string command_exit_text();

[[nodiscard]] ExitCode exit_code_of(Errc code);

}  // namespace enforcer::ctl
