// review show: facts first, then what the guest wrote.
#include "base/percent.h"
#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/review_text.h"
#include "enforcerctl/reviews.h"

namespace enforcer::ctl {
namespace {

struct ReviewShowOptions {
  std::string id;
};

ExitCode show_review(Tool& tool, const ReviewShowOptions& options) {
  const auto review = find_review(tool, options.id);
  if (!review) return tool.usage(review.error());
  if (tool.json()) {
    const auto body = tool.ask("GET", "/v1/reviews/" + percent_encode(review->id));
    if (!body) return tool.report(body.error());
    tool.print_json(*body);
    return ExitCode::kOk;
  }
  const std::size_t width = tool.terminal().width();
  tool.terminal().out(joined_lines(wrapped(fact_lines(*review, WallClock::now()), width)) + "\n" +
                      joined_lines(guest_lines(*review, width)));
  return ExitCode::kOk;
}

}  // namespace

void add_review_show(CLI::App& review, CommandLine& line) {
  auto options = std::make_shared<ReviewShowOptions>();
  CLI::App& verb =
      add_verb(review, line,
               {.name = "show",
                .summary = "Shows one held request: what is known, then what the guest wrote",
                .examples = {"review show 7k3m9q2a", "review show 7k3m9q2a -o json"},
                .more = "What the guest wrote stands in quotes, behind a bar; nothing else on the page is\n"
                        "the guest's."});
  verb.add_option("REVIEW", options->id, "The review, or the end of its id")->required();
  when_chosen(verb, line, options, show_review);
}

}  // namespace enforcer::ctl
