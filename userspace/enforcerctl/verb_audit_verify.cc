// audit verify: whether the chain of the audit log is whole, and what is wrong with it; reads the files itself.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit/verify.h"
#include "base/text.h"
#include "control/json_object.h"
#include "enforcerctl/audit_path.h"
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {
namespace {

using audit::ChainFinding;
using audit::Verification;

struct VerifyOptions {
  std::string path;
  std::string head;
};

std::string file_of(const Verification& found, const ChainFinding& finding) {
  return finding.place.line == 0 ? "" : found.files[finding.place.file];
}

std::string record_numbers(const ChainFinding& finding) {
  if (finding.first == 0) return "";
  return finding.first == finding.last ? std::to_string(finding.first)
                                       : fmt::format("{}-{}", finding.first, finding.last);
}

std::string_view end_text(Verification::End end) {
  switch (end) {
    case Verification::End::kProven:
      return "proven";
    case Verification::End::kUnproven:
      return "unproven";
    case Verification::End::kNotReached:
      return "not_reached";
  }
  std::unreachable();
}

void print_json(const Tool& tool, const Verification& found) {
  nlohmann::json answer = control::answer_object();
  answer["intact"] = found.findings.empty();
  answer["records"] = found.records;
  answer["first"] = found.first;
  answer["torn"] = found.torn;
  answer["end"] = end_text(found.end);
  answer["files"] = found.files;
  answer["head"] = found.records == 0 ? nlohmann::json() : nlohmann::json(found.head.to_string());
  answer["findings"] = nlohmann::json::array();
  for (const ChainFinding& finding : found.findings) {
    answer["findings"].push_back({{"fault", audit::label(finding.fault)},
                                  {"file", file_of(found, finding)},
                                  {"line", finding.place.line},
                                  {"seq", finding.first},
                                  {"last_seq", finding.last},
                                  {"detail", finding.detail}});
  }
  tool.print_json(control::dump(answer));
}

void print_table(const Tool& tool, const Verification& found) {
  Table table({"PLACE", "RECORD", "FAULT", "DETAIL"});
  for (const ChainFinding& finding : found.findings) {
    const std::string file = file_of(found, finding);
    table.add({file.empty() ? "" : fmt::format("{}:{}", file, finding.place.line), record_numbers(finding),
               std::string(audit::label(finding.fault)), finding.detail});
  }
  if (!table.empty()) tool.terminal().out(table.render(tool.common.headers));
  if (found.records > 0 && found.findings.empty()) tool.terminal().out(fmt::format("{}\n", found.head.to_string()));
}

/// What a person should know besides the findings.
void talk(const Tool& tool, const Verification& found) {
  if (found.first > 1) tool.say(fmt::format("records 1 to {} were rotated away, or removed in front", found.first - 1));
  if (found.torn > 0) tool.say("torn by a crash, and accounted for: " + count_of(found.torn, "line"));
  if (found.end == Verification::End::kUnproven) {
    tool.say("without the head file, records that were cut off at the end are not noticed");
  }
  if (found.end == Verification::End::kNotReached) tool.say("too much is wrong: what comes after was not looked at");
  if (found.records > 0) {
    tool.say(fmt::format("records {} to {} in {}: {}", found.first, found.head.seq,
                         count_of(found.files.size(), "file"),
                         found.findings.empty() ? "the chain is whole" : "the chain is broken"));
  } else {
    tool.say("the log has no record");
  }
}

ExitCode verify(Tool& tool, const VerifyOptions& options) {
  audit::VerifyOptions what;
  if (!options.head.empty()) {
    const auto head = audit::Head::parse(options.head);
    if (!head) return tool.usage(fmt::format("--head {}: {}", options.head, head.error().message));
    what.noted = *head;
  }
  const auto path = audit_path(tool, options.path);
  if (!path) return tool.report(path.error());
  what.path = *path;
  using HeadFile = audit::VerifyOptions::HeadFile;
  what.head_file = options.path.empty() ? HeadFile::kRequired : HeadFile::kOptional;
  const auto found = audit::verify(what);
  if (!found) return tool.report(found.error());
  tool.json() ? print_json(tool, *found) : print_table(tool, *found);
  talk(tool, *found);
  return found->findings.empty() ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void add_audit_verify(CLI::App& audit, CommandLine& line) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App& verb = add_verb(
      audit, line,
      {.name = "verify",
       .summary = "Says whether the chain of the audit log is whole, without a daemon",
       .examples = {"audit verify", "audit verify --head 4711:Rz1vL…", "audit verify /backup/audit.jsonl -o json"},
       .more =
           "Names what was changed, removed, inserted or reordered, and prints the head: number and hash of the last "
           "record.\nNote it elsewhere: who may write the files can make the whole chain anew, but not with a head "
           "that you have.\nExit code 3: something is wrong."});
  verb.add_option("PATH", options->path, "The log (default: that of the configuration); rotated files belong to it");
  verb.add_option("--head", options->head, "A head noted before, which must be in the log")->type_name("NUMBER:HASH");
  when_chosen(verb, line, options, verify);
}

}  // namespace enforcer::ctl
