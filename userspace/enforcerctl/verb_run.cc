// run: a command in a microVM of its own, boxed in, as if it ran here.
#include <fmt/format.h>

#include <filesystem>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/guest_command.h"
#include "enforcerctl/guests.h"
#include "enforcerctl/load_report.h"
#include "enforcerctl/workspace.h"
#include "hostproto/messages.h"

namespace enforcer::ctl {
namespace {

struct RunOptions {
  std::string guest;
  std::string name;
  std::vector<std::string> labels;
  std::vector<std::string> policy;
  std::string image;
  std::vector<std::string> workspaces;
  std::uint32_t memory_mib = 0;  ///< 0: the image's
  std::uint32_t disk_mib = 0;    ///< 0: the daemon's
  std::uint32_t cpus = 1;
  bool keep = false;
  ExecOptions exec;
};

GuestName fresh_name() {
  const std::string random = to_string(random_epoch());
  auto name = GuestName::parse("run-" + random.substr(0, 8));
  ENFORCER_CHECK(name.has_value());
  return *std::move(name);
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

/// The guest that a run made: it goes when the run goes, whatever the reason, unless it is to be kept. The daemon does
/// the same for a run that could not (ephemeral).
class OwnGuest {
 public:
  OwnGuest(const Tool& tool, GuestName name) : tool_(tool), name_(std::move(name)) {}
  ~OwnGuest() {
    if (kept_) {
      tool_.say(
          fmt::format("guest {0} stays: 'enforcerctl guest exec {0} -- sh' gets in, 'enforcerctl guest delete {0}' "
                      "ends it",
                      name_.text()));
      return;
    }
    const auto deleted = delete_guest(tool_, name_);
    if (deleted || deleted.error().code == Errc::kNotFound) return;
    tool_.say(
        fmt::format("enforcerctl: guest {} could not be deleted ({}); 'enforcerctl guest delete {}' does it later",
                    name_.text(), deleted.error().message, name_.text()));
  }
  OwnGuest(const OwnGuest&) = delete;
  OwnGuest& operator=(const OwnGuest&) = delete;

  void keep() { kept_ = true; }

 private:
  const Tool& tool_;
  GuestName name_;
  bool kept_ = false;
};

/// The guest as it is asked for; `exec` learns where its command begins.
Result<control::CreateGuest> guest_for(const RunOptions& options, ExecOptions& exec) {
  control::CreateGuest request{
      .name = options.name.empty() ? fresh_name() : TRY(GuestName::parse(options.name)),
      .labels = TRY(labels_from(options.labels)),
      .image = options.image,
      .memory_mib = options.memory_mib,
      .cpus = options.cpus,
      .ephemeral = !options.keep,
  };
  request.workspaces = TRY(workspaces_from(options.workspaces));
  if (options.disk_mib != 0) request.disk_mib = options.disk_mib;
  if (request.image.empty()) request.image = request.workspaces.empty() ? "mini" : "agent";
  std::error_code ignored;
  const std::string here = std::filesystem::current_path(ignored).string();
  if (exec.cwd.empty()) exec.cwd = folder_to_begin_in(request.workspaces, here);
  return request;
}

int run_in_own_guest(const Tool& tool, const RunOptions& options, const SignalWatch& signals) {
  ExecOptions exec = options.exec;
  const auto request = guest_for(options, exec);
  if (!request) return own_failure(tool, request.error());
  const GuestName& name = request->name;
  int signal = 0;
  std::optional<OwnGuest> own;
  {
    const Progress progress(tool, fmt::format("booting {} ({})", name.text(), request->image));
    const auto ended = [&] { return (signal = signals.take_ending()) != 0; };
    // What was made for one command the daemon takes back when nobody waits for it any more; what is to stay it does
    // not.
    const auto given_up = request->ephemeral ? std::function<bool()>(ended) : nullptr;
    const auto made = tool.ask("POST", "/v1/guests", control::encode_create(*request), kBootPatience, given_up);
    if (!made && signal != 0) return 128 + signal;
    // After a timeout nobody knows whether it was made: better to delete one that is not there than to leave one. A
    // name that somebody chose may be another guest's.
    const bool unknown = !made && made.error().code == Errc::kTimeout && options.name.empty();
    if (made || unknown) own.emplace(tool, name);
    if (!made) return own_failure(tool, made.error());
    const auto running = wait_until_running(tool, name, Deadline::after(kBootPatience), ended);
    if (!running && signal == 0) return own_failure(tool, running.error());
  }
  if (signal != 0) return 128 + signal;
  if (options.keep) own->keep();
  return run_in_guest(tool, name, exec, signals);
}

int apply_policies(const Tool& tool, const std::vector<std::string>& files) {
  const auto body = apply_request(files);
  if (!body) return own_failure(tool, body.error());
  const auto loaded = load_policies(tool, "/v1/policies", *body);
  if (!loaded) return own_failure(tool, loaded.error());
  for (const auto& problem : loaded->answer.problems) tool.say(problem.text);
  return loaded->answer.loaded ? 0 : own_failure(tool, {Errc::kNotLoaded, "the policies do not load"});
}

int run(Tool& tool, const RunOptions& options) {
  // A wrong command line is found out before anything is made for it.
  if (const auto command = command_json(options.exec, {}, std::nullopt); !command) {
    return own_failure(tool, command.error());
  }
  if (!options.policy.empty()) {
    if (const int failed = apply_policies(tool, options.policy); failed != 0) return failed;
  }
  const auto signals = SignalWatch::begin();
  if (!signals) return own_failure(tool, signals.error());
  if (options.guest.empty()) return run_in_own_guest(tool, options, *signals);
  const auto name = GuestName::parse(options.guest);
  if (!name) return own_failure(tool, name.error());
  return run_in_guest(tool, *name, options.exec, *signals);
}

}  // namespace

void add_run(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "run",
       .summary = "Boots a microVM, runs a command in it, and removes it again",
       .examples = {"run -- curl -sS https://api.github.com", "run --workspace . --policy agent.yaml -- bash",
                    "run -l role=agent --memory 1024 -- sh -c 'make test'",
                    "run --guest agent-1 -- cat /etc/os-release"},
       .more =
           std::string(kExecStatus) +
           "\nPolicies select the guest by its labels (-l) or, with --guest, by its name. The placeholders of 'guest\n"
           "environment' are among the command's variables, unless -e says otherwise. A workspace lies at the same\n"
           "path in the guest, and the command begins in it; nothing else of this machine is there."});
  auto* guest = verb.add_option("-g,--guest", options->guest, "Run in this guest, which exists, and leave it alone")
                    ->type_name("GUEST");
  verb.add_option("--name", options->name, "What the new guest is called")->type_name("NAME")->excludes(guest);
  add_repeatable(verb, "-l,--label", options->labels, "A label of the new guest", "K=V").excludes(guest);
  add_repeatable(verb, "--policy", options->policy, "Apply this policy file first, as 'policy apply' does", "FILE");
  verb.add_option("--image", options->image, "The image to boot (mini; agent with a workspace)")
      ->type_name("IMAGE")
      ->excludes(guest);
  add_repeatable(verb, "--workspace", options->workspaces, "A folder that the guest works in, or only reads",
                 "DIR[:ro]")
      .excludes(guest);
  verb.add_option("--memory", options->memory_mib, "Memory (what the image wants)")
      ->type_name("MIB")
      ->check(CLI::Range(hostproto::kLeastMemoryMib, hostproto::kMostMemoryMib))
      ->excludes(guest);
  verb.add_option("--disk", options->disk_mib, "What the guest may write to its own disk (8192)")
      ->type_name("MIB")
      ->check(CLI::Range(hostproto::kLeastDiskMib, hostproto::kMostDiskMib))
      ->excludes(guest);
  verb.add_option("--cpus", options->cpus, "Processors (1)")
      ->type_name("N")
      ->check(CLI::Range(1U, hostproto::kMostCpus))
      ->excludes(guest);
  verb.add_flag("--keep", options->keep, "Leave the guest running when the command has ended")->excludes(guest);
  add_exec_options(verb, options->exec);
  when_chosen(verb, line, options, run);
}

}  // namespace enforcer::ctl
