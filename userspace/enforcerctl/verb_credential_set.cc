// credential set: a value from the terminal, from standard input or from a file; never from the command line, which
// everybody on the host can read, and never shown.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/percent.h"
#include "control/route.h"
#include "credentials/value.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/prompt.h"

namespace enforcer::ctl {
namespace {

struct SetOptions {
  std::string name;
  std::string dash;
  std::string file;
  bool no_input = false;
};

Result<Secret> read_value(int fd, const std::string& what) {
  LockedBuffer raw = TRY(LockedBuffer::make(credentials::kMaxRaw));
  std::size_t size = 0;
  while (size < credentials::kMaxRaw) {
    const ssize_t count = read(fd, raw.bytes().data() + size, credentials::kMaxRaw - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(what);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  auto value = credentials::clean_text({raw.bytes().data(), size});
  if (!value) return fail_in(what, value.error());
  return value;
}

Result<Secret> take_value(const Tool& tool, const SetOptions& options) {
  if (options.dash == "-") return read_value(STDIN_FILENO, "standard input");
  if (options.file.empty()) {
    return ask_for_secret(tool.terminal(), fmt::format("Value of {} (not shown): ", printable_lines(options.name)));
  }
  const Fd file(open(options.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return fail(Errc::kNotFound, options.file + ": no such file");
  if (!file.valid()) return fail_errno(options.file);
  return read_value(file.get(), options.file);
}

ExitCode set(Tool& tool, const SetOptions& options) {
  if (!options.dash.empty() && options.dash != "-") {
    return tool.usage("a value is never given as an argument: type it when asked, or use - or --from-file");
  }
  if (!options.dash.empty() && !options.file.empty()) return tool.usage("'-' and --from-file exclude each other");
  if (options.dash.empty() && options.file.empty() && (options.no_input || !input_is_a_terminal())) {
    return tool.usage("there is no terminal to ask for the value at: use - for standard input, or --from-file");
  }
  const auto value = take_value(tool, options);
  if (!value) return tool.report(value.error());
  const auto stored = tool.ask("PUT", "/v1/credentials/" + percent_encode(options.name), value->reveal());
  if (!stored) return tool.report(stored.error());
  if (tool.json()) {
    tool.print_json(*stored);
  } else {
    tool.say(fmt::format("the value of credential {} is stored", options.name));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_credential_set(CLI::App& credential, CommandLine& line) {
  auto options = std::make_shared<SetOptions>();
  CLI::App& verb = add_verb(credential, line,
                            {.name = "set",
                             .summary = "Stores the value of a credential",
                             .examples = {"credential set github-bot", "credential set github-bot --from-file token",
                                          "credential set github-bot - < token"},
                             .more = "Asks for the value without showing it, unless it comes from a file or standard\n"
                                     "input. One newline at the end is removed. It is used from the next request on.\n"
                                     "Keys of AWS are given as the tools print them (JSON) or as the lines of a\n"
                                     "credentials file, private keys as PEM without a passphrase."});
  verb.add_option("CREDENTIAL", options->name, "The credential")->required();
  verb.add_option("FROM", options->dash, "-: read the value from standard input");
  verb.add_option("--from-file", options->file, "Read the value from this file")->type_name("FILE");
  verb.add_flag("--no-input", options->no_input, "Fail where a value would be asked for");
  when_chosen(verb, line, options, set);
}

}  // namespace enforcer::ctl
