// log: the audit records, as they are or as they come.
#include <fmt/format.h>

#include <utility>

#include "base/percent.h"
#include "control/json.h"
#include "control/route.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/record_line.h"
#include "enforcerctl/when.h"
#include "policy/reason.h"

namespace enforcer::ctl {
namespace {

struct LogOptions {
  bool follow = false;
  std::string guest, decision, reason, host, rule, layer, type, id, since;
  unsigned last = 0;
};

Result<std::string> target_for(const Tool& tool, const LogOptions& options) {
  std::string target = fmt::format("/v1/log?follow={}", options.follow ? 1 : 0);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) target += fmt::format("&{}={}", name, percent_encode(value));
  };
  add("guest", options.guest);
  add("decision", options.decision);
  add("reason", options.reason);
  add("host", options.host);
  add("rule", options.rule);
  add("layer", options.layer);
  add("id", options.id);
  if (!options.since.empty()) add("since", control::format_time(TRY(parse_when("--since", options.since))));
  if (options.last > 0) add("last", std::to_string(options.last));
  // The last N of what is shown: the daemon must not count ends, which the table leaves out.
  const bool count_decisions = options.type.empty() && options.last > 0 && !tool.json();
  add("type", count_decisions ? "decision" : options.type);
  return target;
}

ExitCode log(Tool& tool, const LogOptions& options) {
  const auto target = target_for(tool, options);
  if (!target) return tool.usage(target.error().message);
  const auto daemon = tool.client();
  if (!daemon) return tool.report(daemon.error());
  // With the first record: where the daemon refuses, nothing is printed.
  bool headers_wanted = !tool.json() && tool.common.headers == Headers::kShow;
  const auto show = [&](std::string_view record) {
    if (std::exchange(headers_wanted, false)) tool.terminal().out(record_headers());
    if (tool.json()) {
      tool.print_json(record);
    } else if (options.type == "end" || !options.id.empty()) {
      tool.terminal().out(any_record_line(tool.terminal(), record));
    } else if (const auto text = record_line(tool.terminal(), record)) {
      tool.terminal().out(*text);
    }
    return control::Wants::kMore;
  };
  const auto shown = daemon->stream(*target, Deadline::after(Tool::kPatience), show);
  return shown ? ExitCode::kOk : tool.report(shown.error());
}

}  // namespace

void add_log(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<LogOptions>();
  CLI::App& verb = add_verb(
      root, line,
      {.name = "log",
       .summary = "Shows what was decided",
       .examples = {"log -f --decision deny", "log --guest agent-1 --since 5m", "log --host api.github.com --last 20",
                    "log --reason dst_private", "log --type review", "log -o jsonl --since 1h > records.jsonl"},
       .more = "The table leaves out the ends of connections unless --type end or --id asks for them; with "
               "--last it shows\n"
               "decisions only. JSON has every record as it stands in the file, one on a line."});
  verb.add_flag("-f,--follow", options->follow, "Go on with new records until interrupted");
  verb.add_option("-g,--guest", options->guest, "Of this guest")->type_name("GUEST")->check(guest_name());
  verb.add_option("--decision", options->decision, "Of these decisions")
      ->type_name("LIST")
      ->check(some_of({"allow", "review", "deny"}));
  verb.add_option("--reason", options->reason, "For this reason, which is one of a closed list")
      ->type_name("REASON")
      ->check(one_of({policy::reason_labels().begin(), policy::reason_labels().end()}));
  verb.add_option("--host", options->host, "About this host or address, exactly")
      ->type_name("HOST")
      ->check(not_empty("host"));
  verb.add_option("--rule", options->rule, "By this rule")->type_name("POLICY/RULE")->check(rule_name());
  verb.add_option("--layer", options->layer, "At this layer")
      ->type_name("LAYER")
      ->check(one_of({"dns", "l4", "tls", "http"}));
  verb.add_option("--type", options->type, "Of this type")
      ->type_name("TYPE")
      ->check(one_of({"decision", "end", "event", "datapath", "review"}));
  verb.add_option("--id", options->id, "With this decision id")->type_name("ID");
  verb.add_option("--since", options->since, "Not older than this: 5m, 2h, or a time")
      ->type_name("WHEN")
      ->check(moment());
  verb.add_option("--last", options->last, "Only the last so many")->type_name("N")->check(CLI::Range(1, 100000));
  when_chosen(verb, line, options, log);
}

}  // namespace enforcer::ctl
