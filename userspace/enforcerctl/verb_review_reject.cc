// review reject: one no is enough, so it is not asked about.
#include <fmt/format.h>

#include "enforcerctl/command_line.h"
#include "enforcerctl/reviews.h"

namespace enforcer::ctl {
namespace {

struct ReviewRejectOptions {
  std::string id;
  std::string comment;
};

ExitCode reject_review(Tool& tool, const ReviewRejectOptions& options) {
  const auto review = find_review(tool, options.id);
  if (!review) return tool.usage(review.error());
  const auto body = send_verdict(tool, control::ReviewDecision::Say::kReject, *review, options.comment);
  if (!body) return tool.report(body.error());
  if (tool.json()) {
    tool.print_json(*body);
  } else {
    tool.say(
        fmt::format("review {} is rejected: the request of guest {} is not sent", short_id(review->id), review->guest));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_review_reject(CLI::App& review, CommandLine& line) {
  auto options = std::make_shared<ReviewRejectOptions>();
  CLI::App& verb = add_verb(review, line,
                            {.name = "reject",
                             .summary = "Says no to a held request",
                             .examples = {"review reject 7k3m9q2a", "review reject 7k3m9q2a --comment \"not today\""},
                             .more = "One no is enough, also after an approval that nobody has used yet."});
  verb.add_option("REVIEW", options->id, "The review, or the end of its id")->required();
  verb.add_option("--comment", options->comment, "Why, for the record")->type_name("TEXT");
  when_chosen(verb, line, options, reject_review);
}

}  // namespace enforcer::ctl
