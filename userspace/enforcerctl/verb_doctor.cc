// doctor: what is not well on this host, or inside one guest, and what to do about it. Changes nothing without --fix.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>

#include "config/paths.h"
#include "control/json.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/configured.h"
#include "enforcerctl/doctor_checks.h"
#include "enforcerctl/doctor_folders.h"
#include "enforcerctl/doctor_mends.h"
#include "enforcerctl/guest_probe.h"
#include "enforcerctl/guests.h"

namespace enforcer::ctl {
namespace {

using nlohmann::json;

struct DoctorOptions {
  std::string guest;
  bool fix = false;
};

/// A JVM alone takes ten seconds in a guest that is emulated.
constexpr auto kProbePatience = std::chrono::seconds(180);
constexpr std::uint64_t kStateSpace = std::uint64_t{1} << 30;

/// The configuration of --config, or the one at its usual place; --instance overrides what it says.
Result<config::Config> configuration_of(const Tool& tool) {
  config::Config config = TRY(loaded_config(tool.common.config));
  if (!tool.common.instance.empty()) config.instance = tool.common.instance;
  return config;
}

Result<control::Status> status_of(const Tool& tool) {
  const std::string body = TRY(tool.ask("GET", "/v1/status"));
  return control::decode_status(body);
}

std::vector<Check> all_checks(const config::Config& config, const Result<control::Status>& status) {
  std::vector<Check> checks{check_daemon(status)};
  if (status) {
    for (const auto check : {check_hostd, check_audit, check_policies}) checks.push_back(check(*status));
  }
  utsname system{};
  uname(&system);
  checks.push_back(check_kernel(system.release));
  checks.push_back(check_bpffs("/sys/fs/bpf"));
  checks.push_back(check_kvm("/dev/kvm", config.accelerator, status ? status->accelerator : ""));
  checks.push_back(check_images(config.images.roots));
  checks.push_back(check_workspaces(config.workspaces.roots));
  checks.push_back(check_clock(WallClock::now(), clock_state()));
  const auto paths = config::Paths::of(config.instance);
  const auto enforcerd = account_of_enforcerd(paths);
  checks.push_back(check_folders(paths, enforcerd));
  const std::string audit_path = status ? status->audit.path : config.audit.path;
  checks.push_back(check_audit_folder(config.audit.path, status ? audit_path : "", enforcerd));
  checks.push_back(check_space("audit space", std::filesystem::path(audit_path).parent_path(), config.audit.max_bytes));
  checks.push_back(check_space("state space", paths.state_dir(), kStateSpace));
  checks.push_back(check_groups(control::RoleGroups::of_host()));
  return checks;
}

Colour colour_of(Verdict verdict) {
  return verdict == Verdict::kOk ? Colour::kGreen : verdict == Verdict::kWarn ? Colour::kYellow : Colour::kRed;
}

json to_json(const Check& check) {
  return {{"name", check.name},
          {"verdict", label(check.verdict)},
          {"found", check.found},
          {"advice", check.advice},
          {"fixable", !check.mends.empty()}};
}

json to_json(const Mended& mended) {
  return {{"check", mended.check},
          {"what", mended.what},
          {"done", mended.outcome.has_value()},
          {"error", mended.outcome ? "" : mended.outcome.error().message}};
}

bool has_failed(const Check& check) {
  return check.verdict == Verdict::kFail;
}

void print_checks(const Tool& tool, const std::vector<Check>& checks,
                  const std::optional<std::vector<Mended>>& mended) {
  if (tool.json()) {
    json answer = control::answer_object();
    answer["failed"] = std::ranges::any_of(checks, has_failed);
    answer["checks"] = json::array();
    for (const Check& check : checks) answer["checks"].push_back(to_json(check));
    if (mended) answer["mended"] = json::array();
    for (const Mended& each : mended.value_or(std::vector<Mended>{})) answer["mended"].push_back(to_json(each));
    return tool.print_json(control::dump(answer));
  }
  Table table({"CHECK", "VERDICT", "FOUND", "WHAT TO DO"});
  for (const Check& check : checks) {
    table.add({check.name, std::string(label(check.verdict)), check.found, check.advice});
    table.tint(1, colour_of(check.verdict));
  }
  tool.terminal().out(table.render(tool.common.headers, tool.terminal()));
}

/// A step that failed says more than the finding that is left of it.
ExitCode exit_of(const std::vector<Check>& checks, const std::vector<Mended>& mended) {
  for (const Mended& each : mended) {
    if (!each.outcome) return exit_code_of(each.outcome.error().code);
  }
  return std::ranges::any_of(checks, has_failed) ? ExitCode::kFindings : ExitCode::kOk;
}

ExitCode examine_host(const Tool& tool) {
  const auto config = configuration_of(tool);
  if (!config) return tool.report(config.error());
  const auto checks = all_checks(*config, status_of(tool));
  print_checks(tool, checks, std::nullopt);
  const bool fixable = std::ranges::any_of(checks, [](const Check& check) { return !check.mends.empty(); });
  if (fixable) tool.say("'enforcerctl doctor --fix', as root, mends some of it");
  return exit_of(checks, {});
}

ExitCode mend_host(const Tool& tool) {
  const auto config = configuration_of(tool);
  if (!config) return tool.report(config.error());
  const auto mended = mend(tool, all_checks(*config, status_of(tool)));
  if (mended.empty()) tool.say("nothing that can be mended from here");
  const auto checks = all_checks(*config, status_of(tool));
  print_checks(tool, checks, mended);
  return exit_of(checks, mended);
}

std::string trust_text(const RuntimeTrust& runtime) {
  if (!runtime.installed) return "";
  return runtime.trust == Trust::kYes ? "yes" : runtime.trust == Trust::kNo ? "no" : "unknown";
}

bool will_fail(const RuntimeTrust& runtime) {
  return runtime.installed && runtime.trust == Trust::kNo;
}

void print_runtimes(const Tool& tool, const GuestName& guest, const std::vector<RuntimeTrust>& runtimes) {
  if (tool.json()) {
    json answer = control::answer_object();
    answer["guest"] = guest.text();
    answer["runtimes"] = json::array();
    for (const RuntimeTrust& runtime : runtimes) {
      answer["runtimes"].push_back({{"runtime", runtime.runtime},
                                    {"installed", runtime.installed},
                                    {"trust", trust_text(runtime)},
                                    {"note", runtime.note}});
    }
    tool.print_json(control::dump(answer));
    return;
  }
  Table table({"RUNTIME", "INSTALLED", "TRUST", "NOTE"});
  for (const RuntimeTrust& runtime : runtimes) {
    table.add({runtime.runtime, runtime.installed ? "yes" : "no", trust_text(runtime), runtime.note});
  }
  tool.terminal().out(table.render(tool.common.headers));
}

Result<std::vector<RuntimeTrust>> probe(const Tool& tool, const GuestName& name) {
  const std::string body = TRY(tool.ask("GET", guest_target(name, "/ca")));
  const auto authority = TRY(control::decode_authority(body));
  const std::string request = TRY(probe_request(authority));
  const control::Client daemon = TRY(tool.client());
  const Fd connection = TRY(daemon.upgrade(guest_target(name, "/exec"), Deadline::after(kExecPatience)));
  const std::string output = TRY(run_probe(connection, request, Deadline::after(kProbePatience)));
  return judge(TRY(parse_probe(output)));
}

ExitCode examine_guest(Tool& tool, const std::string& guest) {
  const auto name = GuestName::parse(guest);
  if (!name) return tool.usage(name.error().message);
  const auto known = find_guest(tool, *name);
  if (!known) return tool.report(known.error());
  if (known->kind != "microvm") {
    return tool.report({Errc::kUnavailable,
                        fmt::format("{} is an attached namespace, and nobody can look inside from here; "
                                    "'enforcerctl ca export {} > enforcer.crt' is what its programs must trust: put it "
                                    "into /usr/local/share/ca-certificates there and run update-ca-certificates, and "
                                    "name it with NODE_EXTRA_CA_CERTS",
                                    name->text(), name->text())});
  }
  const auto runtimes = probe(tool, *name);
  if (!runtimes) return tool.report(runtimes.error());
  print_runtimes(tool, *name, *runtimes);
  return std::ranges::any_of(*runtimes, will_fail) ? ExitCode::kFindings : ExitCode::kOk;
}

ExitCode doctor(Tool& tool, const DoctorOptions& options) {
  if (options.guest.empty()) return options.fix ? mend_host(tool) : examine_host(tool);
  return examine_guest(tool, options.guest);
}

}  // namespace

void add_doctor(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "doctor",
       .summary = "Says what is not well on this host, or inside a guest, and what to do",
       .examples = {"doctor", "doctor --fix", "doctor --guest agent-1", "doctor -o json"},
       .more = "With --fix, as root: folders of the daemons that are missing or opened to others, a bpffs that is not\n"
               "mounted and missing groups are mended, each step is said, and everything is looked at once more. What\n"
               "needs a person stays with its advice. Nothing that is mended lets a guest do more than its policies "
               "say.\n"
               "With --guest: which runtimes are installed in the microVM, and whether they will trust its CA, which\n"
               "signs for the origins whose TLS is looked into. The guest itself is asked, by a script that changes\n"
               "nothing. Exit code 3: a check failed, or an installed runtime will not trust the CA; 4: only root may "
               "mend."});
  verb.add_option("-g,--guest", options->guest, "Look into this microVM")->type_name("GUEST");
  verb.add_flag("--fix", options->fix, "Mend what can be mended safely")->excludes("--guest");
  when_chosen(verb, line, options, doctor);
}

}  // namespace enforcer::ctl
