#include "enforcerctl/exec_options.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

/// The request is JSON, which would change what is no text.
Result<> check_utf8(std::string_view what, const std::string& text) {
  if (is_utf8(text)) return {};
  return fail(Errc::kInvalid, fmt::format("{} is not UTF-8", what));
}

}  // namespace

void add_exec_options(CLI::App& verb, ExecOptions& options) {
  verb.positionals_at_end();
  add_repeatable(verb, "-e,--env", options.env, "A variable for the command", "K=V");
  verb.add_option("--cwd", options.cwd, "The command's working directory")->type_name("PATH");
  auto* tty = verb.add_flag_callback(
      "-t,--tty", [&options] { options.tty = ExecOptions::Tty::kAlways; }, "With a terminal, wherever this tool runs");
  verb.add_flag_callback(
          "-T,--no-tty", [&options] { options.tty = ExecOptions::Tty::kNever; }, "Without one, in a terminal, too")
      ->excludes(tty);
  verb.add_flag_callback(
      "--root", [&options] { options.user = ExecOptions::User::kRoot; },
      "As root, in an image that has another account for its work");
  verb.add_option("COMMAND", options.command, "The command and its arguments; -- before it keeps them apart")
      ->required();
}

Result<std::string> command_json(const ExecOptions& options, const control::Variables& placeholders,
                                 std::optional<hostproto::WindowSize> tty) {
  for (const std::string& word : options.command) TRY_VOID(check_utf8(fmt::format("the word '{}'", word), word));
  nlohmann::json command = {{"argv", options.command}, {"env", nlohmann::json(placeholders)}};
  if (tty) {
    command["tty"] = {{"rows", tty->rows}, {"columns", tty->columns}};
    if (const char* kind = std::getenv("TERM"); kind != nullptr && *kind != '\0') {
      TRY_VOID(check_utf8("the variable TERM", kind));
      command["env"]["TERM"] = kind;
    }
  }
  TRY_VOID(check_utf8(fmt::format("the folder '{}'", options.cwd), options.cwd));
  if (!options.cwd.empty()) command["cwd"] = options.cwd;
  if (options.user == ExecOptions::User::kRoot) command["user"] = "root";
  for (const std::string& variable : options.env) {
    const auto equals = variable.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Errc::kInvalid, fmt::format("'{}' is not a variable (NAME=value)", variable));
    }
    TRY_VOID(check_utf8(fmt::format("the variable {}", variable.substr(0, equals)), variable));
    command["env"][variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  std::string text = control::dump(command);
  if (text.size() > hostproto::kMaxFramePayload) return fail(Errc::kInvalid, "the command line is too long");
  return text;
}

}  // namespace enforcer::ctl
