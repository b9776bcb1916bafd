#include "enforcerctl/load_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "control/json.h"
#include "enforcerctl/policy_files.h"

namespace enforcer::ctl {

Result<Loaded> load_policies(const Tool& tool, std::string_view target, std::string_view body,
                             std::chrono::seconds patience) {
  const auto daemon = TRY(tool.client());
  auto reply = TRY(daemon.request("POST", target, body, Deadline::after(patience)));
  auto answer = control::decode_load(reply.body);
  // Refused for another reason than what the files say.
  if (!answer && !reply.ok()) return std::unexpected(control::decode_error(reply.status, reply.body));
  if (!answer) return std::unexpected(answer.error());
  return Loaded{.answer = *std::move(answer), .body = std::move(reply.body)};
}

Result<std::string> apply_request(const std::vector<std::string>& files) {
  auto sources = read_policy_files(files);
  if (const auto refusals = policy::refusals_of(sources); !refusals.empty())
    return not_loaded("nothing was changed", refusals);
  std::vector<control::Document> documents;
  for (auto& source : sources) {
    documents.push_back({.name = std::move(source.name), .text = std::move(source.text)});
  }
  return control::encode_documents(documents);
}

ExitCode load_and_report(const Tool& tool, std::string_view target, std::string_view body,
                         std::chrono::seconds patience) {
  const auto loaded = load_policies(tool, target, body, patience);
  if (!loaded) {
    const ExitCode code = tool.report(loaded.error());
    if (code == ExitCode::kTimeout) tool.say("it may come into force all the same: see 'enforcerctl policy history'");
    return code;
  }
  const control::LoadAnswer& answer = loaded->answer;
  if (tool.json()) {
    tool.print_json(loaded->body);
  } else {
    for (const auto& problem : answer.problems) tool.terminal().out(printable_lines(problem.text) + "\n");
  }
  if (!answer.loaded) {
    tool.say(fmt::format("nothing was changed: generation {} stays in force", answer.generation));
    return ExitCode::kFindings;
  }
  const std::string about = answer.guests == 0 ? "" : " for " + count_of(answer.guests, "guest");
  tool.say(fmt::format("generation {} is in force{}", answer.generation, about));
  return ExitCode::kOk;
}

}  // namespace enforcer::ctl
