// review list.
#include <nlohmann/json.hpp>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/review_text.h"
#include "enforcerctl/reviews.h"

namespace enforcer::ctl {
namespace {

struct ReviewListOptions {
  bool all = false;
};

constexpr std::size_t kActionCell = 60;

void add_row(Table& table, const control::ReviewInfo& review, WallClock::time_point now) {
  const bool ended = control::has_ended(review);
  table.add({short_id(review.id), span_text(review.asked, now), review.guest, short_action(review, kActionCell),
             place_text(review), rule_name(review), approvals_text(review), std::to_string(review.clients),
             ended ? "" : span_text(now, review.expires), review.state});
}

/// The daemon's own objects, one on a line.
void print_each(const Tool& tool, std::string_view body, const ReviewListOptions& options) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  for (const auto& review : answer["reviews"]) {
    const std::string state = review.value("state", "");
    if (options.all || state == "pending" || state == "approved") tool.print_json(review.dump());
  }
}

ExitCode list_reviews(Tool& tool, const ReviewListOptions& options) {
  const auto body = tool.ask("GET", "/v1/reviews");
  if (!body) return tool.report(body.error());
  if (tool.common.output == Output::kJson || tool.common.output == Output::kYaml) {
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  auto reviews = control::decode_reviews(*body);
  if (!reviews) return tool.report(reviews.error());
  if (tool.common.output == Output::kJsonLines) {
    print_each(tool, *body, options);
    return ExitCode::kOk;
  }
  if (!options.all) std::erase_if(*reviews, control::has_ended);
  if (tool.common.output == Output::kName) {
    for (const auto& review : *reviews) tool.terminal().out(printable_lines(review.id) + "\n");
    return ExitCode::kOk;
  }
  Table table({"ID", "AGE", "GUEST", "ACTION", "HOST", "RULE", "APPROVALS", "CLIENTS", "EXPIRES", "STATE"});
  const auto now = tool.now();
  for (const auto& review : *reviews) add_row(table, review, now);
  if (table.empty()) {
    tool.say("nothing waits for a decision");
  } else {
    tool.terminal().out(table.render(tool.common.headers));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_review_list(CLI::App& review, CommandLine& line) {
  auto options = std::make_shared<ReviewListOptions>();
  CLI::App& verb = add_verb(review, line,
                            {.name = "list",
                             .summary = "Lists the requests that wait for a decision, newest first",
                             .examples = {"review list", "review list --all -o jsonl", "review list -o name"},
                             .more = "-o json has ended ones, too, as far as the daemon remembers them.",
                             .forms = {Output::kName}});
  verb.add_flag("-a,--all", options->all, "Also those that have ended");
  when_listed(verb, line, options, list_reviews);
}

}  // namespace enforcer::ctl
