// run: a command in a microVM of its own, boxed in, as if it ran here.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/json.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/exec_session.h"
#include "enforcerctl/guests.h"
#include "enforcerctl/load_report.h"

namespace enforcer::ctl {
namespace {

/// Everything that goes wrong before or beside the command itself; what is below 125 belongs to the command.
constexpr int kOwnFailure = 125;

struct RunOptions {
  std::string guest;
  std::vector<std::string> labels;
  std::vector<std::string> env;
  std::vector<std::string> policy;
  std::string image = "mini";
  std::string cwd = "/";
  std::uint32_t memory_mib = 256;
  std::uint32_t cpus = 1;
  std::vector<std::string> command;
};

int own_failure(const Tool& tool, const Error& error) {
  (void)tool.report(error);
  return kOwnFailure;
}

GuestName fresh_name() {
  const std::string random = to_string(random_epoch());
  auto name = GuestName::parse("run-" + random.substr(0, 8));
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
}

/// The command as the guest is told it; of the guest's placeholders those that no --env replaces.
Result<std::string> command_json(const RunOptions& options, const control::Variables& placeholders) {
  nlohmann::json command = {{"argv", options.command}, {"cwd", options.cwd}, {"env", nlohmann::json(placeholders)}};
  for (const std::string& variable : options.env) {
    const auto equals = variable.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Errc::kInvalid, fmt::format("'{}' is not a variable (NAME=value)", variable));
    }
    command["env"][variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  std::string text = control::dump(command);
  if (text.size() > hostproto::kMaxFramePayload) return fail(Errc::kInvalid, "the command line is too long");
  return text;
}

/// Progress for a person who waits; it disappears again, and a script never sees it.
class Progress {
 public:
  Progress(const Tool& tool, std::string_view text) : tool_(tool) {
    if (tool_.terminal().watched()) tool_.terminal().err(fmt::format("{} ...", text));
  }
  ~Progress() {
    if (tool_.terminal().watched()) tool_.terminal().err("\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  const Tool& tool_;
};

/// The guest that a run made: it goes when the run goes, whatever the reason.
class OwnGuest {
 public:
  OwnGuest(const Tool& tool, GuestName name) : tool_(tool), name_(std::move(name)) {}
  ~OwnGuest() {
    const auto deleted = delete_guest(tool_, name_);
    if (deleted || deleted.error().code == Errc::kNotFound) return;
    tool_.say(
        fmt::format("enforcerctl: guest {} could not be deleted ({}); 'enforcerctl guest delete {}' does it later",
                    name_.text(), deleted.error().message, name_.text()));
  }
  OwnGuest(const OwnGuest&) = delete;
  OwnGuest& operator=(const OwnGuest&) = delete;

 private:
  const Tool& tool_;
  GuestName name_;
};

int exec_in(const Tool& tool, const GuestName& name, const RunOptions& options, const SignalWatch& signals) {
  const auto daemon = tool.client();
  if (!daemon) return own_failure(tool, daemon.error());
  const auto placeholders = environment_of(tool, name);
  if (!placeholders) return own_failure(tool, placeholders.error());
  const auto command = command_json(options, *placeholders);
  if (!command) return own_failure(tool, command.error());
  auto connection = daemon->upgrade(guest_target(name, "/exec"), Deadline::after(Tool::kPatience));
  if (!connection) return own_failure(tool, connection.error());
  ExecSession session(*std::move(connection), *command, StandardStreams{}, signals);
  const auto outcome = session.run();
  return outcome ? outcome->status : own_failure(tool, outcome.error());
}

int run_in_own_guest(const Tool& tool, const RunOptions& options, const SignalWatch& signals) {
  auto labels = labels_from(options.labels);
  if (!labels) return own_failure(tool, labels.error());
  const GuestName name = fresh_name();
  const std::string request = control::encode_create({.name = name,
                                                      .labels = *std::move(labels),
                                                      .image = options.image,
                                                      .memory_mib = options.memory_mib,
                                                      .cpus = options.cpus});
  int signal = 0;
  std::optional<OwnGuest> own;
  {
    const Progress progress(tool, fmt::format("booting {} ({})", name.text(), options.image));
    const auto made = tool.ask("POST", "/v1/guests", request);
    // After a timeout nobody knows whether it was made: better to delete one that is not there than to leave one.
    if (made || made.error().code == Errc::kTimeout) own.emplace(tool, name);
    if (!made) return own_failure(tool, made.error());
    const auto running = wait_until_running(tool, name, Deadline::after(kBootPatience), [&] {
      signal = signals.take();
      return signal != 0;
    });
    if (!running && signal == 0) return own_failure(tool, running.error());
  }
  if (signal != 0) return 128 + signal;
  return exec_in(tool, name, options, signals);
}

int apply_policies(const Tool& tool, const std::vector<std::string>& files) {
  const auto body = apply_request(files);
  if (!body) return own_failure(tool, body.error());
  const auto loaded = load_policies(tool, "/v1/policies", *body);
  if (!loaded) return own_failure(tool, loaded.error());
  for (const auto& problem : loaded->answer.problems) tool.say(problem.text);
  return loaded->answer.loaded ? 0 : own_failure(tool, {Errc::kInvalid, "the policies do not load"});
}

int run(Tool& tool, const RunOptions& options) {
  // A wrong command line is found out before anything is made for it.
  if (const auto command = command_json(options, {}); !command) {
    return static_cast<int>(tool.usage(command.error().message));
  }
  if (!options.policy.empty()) {
    if (const int failed = apply_policies(tool, options.policy); failed != 0) return failed;
  }
  const auto signals = SignalWatch::begin();
  if (!signals) return own_failure(tool, signals.error());
  if (options.guest.empty()) return run_in_own_guest(tool, options, *signals);
  const auto name = GuestName::parse(options.guest);
  if (!name) return own_failure(tool, name.error());
  return exec_in(tool, *name, options, *signals);
}

}  // namespace

void add_run(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "run",
       .summary = "Boots a microVM, runs a command in it, and removes it again",
       .examples = {"run -- curl -sS https://api.github.com", "run -l role=agent --memory 1024 -- sh -c 'make test'",
                    "run --guest agent-1 -- cat /etc/os-release"},
       .more =
           "Standard input and output, Ctrl-C and the exit status are the command's; 125: run itself failed; 128+n: "
           "the\n"
           "command died of signal n. Policies select the guest by its labels (-l) or, with --guest, by its name.\n"
           "The placeholders of 'guest environment' are among the command's variables, unless -e says otherwise."});
  verb.positionals_at_end();
  verb.add_option("--guest", options->guest, "Run in this guest, which exists, and leave it alone")->type_name("NAME");
  add_repeatable(verb, "-l,--label", options->labels, "A label of the new guest", "K=V");
  add_repeatable(verb, "-e,--env", options->env, "A variable for the command", "K=V");
  verb.add_option("--cwd", options->cwd, "The command's working directory (/)")->type_name("PATH");
  add_repeatable(verb, "--policy", options->policy, "Apply this policy file first, as 'policy apply' does", "FILE");
  verb.add_option("--image", options->image, "The image to boot (mini)")->type_name("IMAGE");
  verb.add_option("--memory", options->memory_mib, "Memory (256)")->type_name("MIB")->check(CLI::Range(64, 65536));
  verb.add_option("--cpus", options->cpus, "Processors (1)")->type_name("N")->check(CLI::Range(1, 64));
  verb.add_option("COMMAND", options->command, "The command and its arguments; -- before it keeps them apart")
      ->required();
  when_chosen(verb, line, options, run);
}

}  // namespace enforcer::ctl
