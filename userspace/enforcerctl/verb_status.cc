// status: is it running, and is it well?
#include <fmt/format.h>
#include <poll.h>

#include "control/json.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

struct StatusOptions {
  std::string wait;  ///< a duration, or empty
};

using StatusLines = std::vector<std::pair<std::string, std::string>>;

std::string policies_line(const control::Status& status) {
  const auto& reload = status.last_reload;
  if (reload.successful) {
    return fmt::format("generation {}, loaded {}", status.generation, control::format_time(reload.time));
  }
  return fmt::format("generation {} stays in force: the reload at {} failed: {}", status.generation,
                     control::format_time(reload.time), reload.error);
}

std::string guests_line(const control::Status& status) {
  const std::string paused = status.guests_paused == 0 ? "" : fmt::format("{} paused, ", status.guests_paused);
  return fmt::format("{} running, {} booting, {}{} connections", status.guests_running, status.guests_booting, paused,
                     status.connections);
}

StatusLines lines_of(const control::Status& status) {
  const auto& audit = status.audit;
  return {
      {"enforcerd", fmt::format("{}, instance {}, up {}, {} workers", status.version, status.instance,
                                duration_text(status.uptime), status.workers)},
      {"policies", policies_line(status)},
      {"guests", guests_line(status)},
      {"hostd", status.hostd_connected ? "connected" : "not connected: guests cannot be made, changed or deleted"},
      {"datapath", status.attach_mode.empty() ? "not known yet" : "attached by " + status.attach_mode},
      {"accelerator", status.accelerator.empty() ? "unknown" : status.accelerator},
      {"audit", fmt::format("{}, {}, {} records, {} write errors",
                            audit.healthy ? "healthy" : "NOT WRITABLE: every new connection is denied", audit.path,
                            audit.events, audit.write_errors)},
  };
}

ExitCode not_running(const Tool& tool, const Error& error) {
  if (tool.json()) {
    nlohmann::json answer = control::answer_object();
    answer["running"] = false;
    tool.print_json(control::dump(answer));
  }
  (void)tool.report(error);
  tool.say(
      "Start it ('systemctl start enforcerd', or 'enforcerd --config FILE'); --instance and --socket name another "
      "one.");
  return ExitCode::kFindings;
}

/// Whether guests can be made: what --wait waits for.
bool ready(const Result<control::Reply>& reply) {
  if (!reply || !reply->ok()) return false;
  const auto status = control::decode_status(reply->body);
  return status && status->hostd_connected;
}

ExitCode status(Tool& tool, const StatusOptions& options) {
  std::chrono::seconds wait{};
  if (!options.wait.empty()) {
    const auto parsed = parse_duration(options.wait);
    if (!parsed) return tool.usage(parsed.error().message);
    wait = *parsed;
  }
  const auto daemon = tool.client();
  if (!daemon) return tool.report(daemon.error());

  const Deadline waiting = Deadline::after(wait);
  auto reply = daemon->request("GET", "/v1/status", {}, Deadline::after(Tool::kPatience));
  while (!options.wait.empty() && !ready(reply)) {
    if (waiting.passed()) return tool.report({Errc::kTimeout, fmt::format("not ready after {}", options.wait)});
    poll(nullptr, 0, 50);
    reply = daemon->request("GET", "/v1/status", {}, Deadline::after(Tool::kPatience));
  }
  if (!reply && reply.error().code == Errc::kUnavailable) return not_running(tool, reply.error());
  if (!reply) return tool.report(reply.error());
  if (!reply->ok()) return tool.report(control::decode_error(reply->status, reply->body));
  if (tool.json()) {
    tool.print_json(reply->body);
    return ExitCode::kOk;
  }
  const auto decoded = control::decode_status(reply->body);
  if (!decoded) return tool.report(decoded.error());
  for (const auto& [name, text] : lines_of(*decoded)) {
    tool.terminal().out(fmt::format("{:<13}{}\n", name, printable_lines(text)));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_status(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App& verb = add_verb(root, line,
                            {.name = "status",
                             .summary = "Shows whether the daemon is running and well",
                             .examples = {"status", "status --wait", "status --wait 2m", "status -o json"},
                             .more = "Exit code 3: the daemon is not running."});
  verb.add_option("--wait", options->wait, "Wait until guests can be made, at most so long (30s)")
      ->type_name("DURATION")
      ->expected(0, 1)
      ->default_str("30s");
  when_chosen(verb, line, options, status);
}

}  // namespace enforcer::ctl
