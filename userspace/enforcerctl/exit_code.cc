#include "enforcerctl/exit_code.h"

#include <fmt/format.h>

namespace enforcer::ctl {
namespace {

constexpr ExitMeaning kMeanings[] = {
    {ExitCode::kOk, "ok"},
    {ExitCode::kFailed, "failed"},
    {ExitCode::kUsage, "usage"},
    {ExitCode::kFindings, "findings, or files that do not load (status: the daemon is not running)"},
    {ExitCode::kNotPermitted, "not permitted"},
    {ExitCode::kNotFound, "not found"},
    {ExitCode::kTimeout, "timeout"},
    {ExitCode::kConflict, "conflict"},
};

}  // namespace

std::span<const ExitMeaning> exit_meanings() {
  return kMeanings;
}

std::string exit_codes_text() {
  std::string text = "Exit codes:";
  for (const auto& [code, meaning] : kMeanings) {
    // The line breaks in the middle of them.
    const char before = code == ExitCode::kNotPermitted ? '\n' : ' ';
    text += fmt::format("{}{} {}{}", before, static_cast<int>(code), meaning, code == ExitCode::kConflict ? "." : ",");
  }
  return text + "\n" + command_exit_text();
}

std::string command_exit_text() {
  return fmt::format("'run' and 'guest exec' exit with their command's status, or with {} when they failed themselves.",
                     kOwnFailure);
}

ExitCode exit_code_of(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return ExitCode::kNotFound;
    case Errc::kConflict:
      return ExitCode::kConflict;
    case Errc::kDenied:
      return ExitCode::kNotPermitted;
    case Errc::kTimeout:
      return ExitCode::kTimeout;
    case Errc::kNotLoaded:
      return ExitCode::kFindings;
    case Errc::kInvalid:
    case Errc::kUnavailable:
    case Errc::kIo:
      break;
  }
  return ExitCode::kFailed;
}

}  // namespace enforcer::ctl
