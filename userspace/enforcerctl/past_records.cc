#include "enforcerctl/past_records.h"

#include <fmt/format.h>

#include "audit/reader.h"
#include "base/percent.h"
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/when.h"

namespace enforcer::ctl {
namespace {

Result<> read_files(const Tool& tool, const PastOptions& options, WallClock::time_point since, Past& past) {
  auto reader = TRY(audit::Reader::open(options.audit, {.guest = options.guest, .since = since}));
  std::uint64_t records = 0;
  while (true) {
    const auto step = TRY(reader.step());
    records += step.lines.size();
    for (const std::string& line : step.lines) TRY_VOID(past.history.add(line));
    if (step.caught_up) break;
  }
  past.log = TRY(tell_broken_lines(tool, options.audit, reader, records));
  return {};
}

Result<> ask_daemon_for_log(const Tool& tool, const PastOptions& options, WallClock::time_point since,
                            History& history) {
  std::string target = "/v1/log?follow=0&since=" + percent_encode(control::format_time(since));
  if (!options.guest.empty()) target += "&guest=" + percent_encode(options.guest);
  const auto daemon = TRY(tool.client());
  Result<> added;
  const auto take = [&](std::string_view line) {
    added = history.add(line);
    return added ? control::Wants::kMore : control::Wants::kNoMore;
  };
  TRY_VOID(daemon.stream(target, Deadline::after(Tool::kPatience), take));
  return added;
}

}  // namespace

void add_past_options(CLI::App& verb, PastOptions& options, const std::string& since) {
  verb.add_option("-g,--guest", options.guest, "Decisions about this guest")->type_name("GUEST")->check(guest_name());
  add_repeatable(verb, "-l,--label", options.labels, "Decisions about guests with this label", "K=V")
      .check(label_setting());
  verb.add_option("--since", options.since, "Not older than this: 5m, 2h, or a time (" + since + ")")
      ->type_name("WHEN")
      ->check(moment());
  verb.add_option("--audit", options.audit, "Read this log and its rotated files instead of asking the daemon")
      ->type_name("PATH");
}

Result<Past> read_past(const Tool& tool, const PastOptions& options) {
  const auto since = TRY(parse_when("--since", options.since));
  if (!options.guest.empty()) TRY_VOID(GuestName::parse(options.guest));
  Past past{.history = History(options.guest, TRY(labels_from(options.labels)))};
  TRY_VOID(options.audit.empty() ? ask_daemon_for_log(tool, options, since, past.history)
                                 : read_files(tool, options, since, past));
  return past;
}

}  // namespace enforcer::ctl
