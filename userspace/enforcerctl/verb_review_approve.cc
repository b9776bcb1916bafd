// review approve: one person's yes to exactly what was shown.
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/prompt.h"
#include "enforcerctl/review_text.h"
#include "enforcerctl/reviews.h"

namespace enforcer::ctl {
namespace {

struct ReviewApproveOptions {
  std::string id;
  std::string comment;
  bool yes = false;
  bool no_input = false;
};

ExitCode approve_review(Tool& tool, const ReviewApproveOptions& options) {
  if (!options.yes && (options.no_input || !input_is_a_terminal())) {
    return tool.usage("add -y: there is no terminal to ask at");
  }
  const auto review = find_review(tool, options.id);
  if (!review) return tool.usage(review.error());
  // What has an end already is not asked about: the daemon refuses it, and records that somebody was too late.
  if (review->state == "pending") {
    const std::size_t width = tool.terminal().width();
    if (!options.yes) {
      tool.terminal().err(joined_lines(wrapped(fact_lines(*review, WallClock::now()), width)) + "\n" +
                          joined_lines(guest_lines(*review, width)) + "\n");
    }
    tool.terminal().err(joined_lines(wrapped(granted_lines(*review), width)));
    if (!options.yes && !ask_for_consent(tool.terminal(), "Approve?")) {
      tool.say("nothing was decided");
      return ExitCode::kFailed;
    }
  }
  const auto body = send_verdict(tool, control::ReviewDecision::Say::kApprove, *review, options.comment);
  if (!body) return tool.report(body.error());
  const auto after = control::decode_review(*body);
  if (!after) return tool.report(after.error());
  if (tool.json()) {
    tool.print_json(*body);
  } else {
    tool.say(approval_outcome(*after, WallClock::now()));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_review_approve(CLI::App& review, CommandLine& line) {
  auto options = std::make_shared<ReviewApproveOptions>();
  CLI::App& verb = add_verb(
      review, line,
      {.name = "approve",
       .summary = "Agrees that a held request is sent, once",
       .examples = {"review approve 7k3m9q2a", "review approve 7k3m9q2a -y --comment \"change 1234\""},
       .more =
           "It says again what exactly is granted and asks; the approval counts for the request that was shown\n"
           "and no other. Exit code 7: it was decided before, or it is too late. Exit code 4: this person may not,\n"
           "such as root where two people have to agree."});
  verb.add_option("REVIEW", options->id, "The review, or the end of its id")->required();
  verb.add_option("--comment", options->comment, "Why, for the record")->type_name("TEXT");
  verb.add_flag("-y,--yes", options->yes, "Do not ask");
  verb.add_flag("--no-input", options->no_input, "Fail where a question would be asked");
  when_chosen(verb, line, options, approve_review);
}

}  // namespace enforcer::ctl
