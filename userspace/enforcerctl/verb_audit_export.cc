// audit export: the records of a span of time, as they stand in the files. A span has no holes and each record carries
// its hashes, so `audit verify` checks what was exported without the rest of the log.
#include <fmt/format.h>

#include "audit/fields.h"
#include "audit/reader.h"
#include "audit/record.h"
#include "enforcerctl/audit_path.h"
#include "enforcerctl/broken_lines.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/when.h"

namespace enforcer::ctl {
namespace {

struct ExportOptions {
  std::string path, since, until;
};

/// As records have it: RFC 3339 in UTC with a fixed number of digits sorts as text. Empty when none was given.
Result<std::string> record_time(std::string_view option, const std::string& text) {
  std::string time;
  if (!text.empty()) audit::append_time(time, TRY(parse_when(option, text)));
  return time;
}

ExitCode unread_code(const Tool& tool, const std::string& path, const audit::Reader& reader, std::uint64_t records) {
  const auto log = tell_broken_lines(tool, path, reader, records);
  if (!log) return tool.report(log.error());
  return *log == LogState::kReadable ? ExitCode::kOk : ExitCode::kFindings;
}

ExitCode export_records(Tool& tool, const ExportOptions& options) {
  const auto path = audit_path(tool, options.path);
  if (!path) return tool.report(path.error());
  const auto since = record_time("--since", options.since);
  if (!since) return tool.usage(since.error().message);
  // Without an end, what is written from now on is not a part of it.
  const auto until = record_time("--until", options.until.empty() ? "0s" : options.until);
  if (!until) return tool.usage(until.error().message);
  auto reader = audit::Reader::open(*path, {});
  if (!reader) return tool.report(reader.error());
  // Not filtered record by record: their times may lie a little out of order, and a span has no holes.
  bool begun = false;
  std::uint64_t records = 0;
  while (true) {
    const auto step = reader->step();
    if (!step) return tool.report(step.error());
    records += step->lines.size();
    for (const std::string& record : step->lines) {
      const std::string_view time = audit::field(record, "time");
      begun = begun || time >= *since;
      if (begun && time > *until) return unread_code(tool, *path, *reader, records);
      if (begun) tool.terminal().out(record + "\n");
    }
    if (step->caught_up) return unread_code(tool, *path, *reader, records);
  }
}

}  // namespace

void add_audit_export(CLI::App& audit, CommandLine& line) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App& verb =
      add_verb(audit, line,
               {.name = "export",
                .summary = "Writes the records of a span of time, to be kept and checked elsewhere",
                .examples = {"audit export --since 1d > day.jsonl && enforcerctl audit verify day.jsonl",
                             "audit export --since 2025-01-31T00:00:00.000Z --until 2025-02-01T00:00:00.000Z"},
                .more = "Every record as it stands in the file, one JSON object on a line. Exit code 3: lines are no "
                        "records."});
  verb.add_option("PATH", options->path, "The log (default: that of the configuration); rotated files belong to it");
  verb.add_option("--since", options->since, "Not older than this: 5m, 2h, or a time")->type_name("WHEN");
  verb.add_option("--until", options->until, "Not newer than this")->type_name("WHEN");
  when_chosen(verb, line, options, export_records);
}

}  // namespace enforcer::ctl
