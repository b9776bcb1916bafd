// review watch: a live view for a person at a terminal, or one JSON line for each change. While it runs, somebody is
// there to be asked.
#include <fmt/format.h>
#include <unistd.h>

#include "control/json.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/live_loop.h"
#include "enforcerctl/prompt.h"
#include "enforcerctl/review_screen.h"
#include "enforcerctl/reviews.h"

namespace enforcer::ctl {
namespace {

struct ReviewWatchOptions {};

constexpr std::string_view kWatchTarget = "/v1/reviews/watch";
constexpr auto kRedraw = std::chrono::milliseconds(1000);  ///< for the times on the screen
constexpr auto kReconnect = std::chrono::seconds(1);

ExitCode print_changes(Tool& tool) {
  const auto daemon = tool.client();
  if (!daemon) return tool.report(daemon.error());
  const auto show = [&](std::string_view line) {
    tool.print_json(line);
    return control::Wants::kMore;
  };
  const auto shown = daemon->stream(kWatchTarget, Deadline::after(Tool::kPatience), show);
  return shown ? ExitCode::kOk : tool.report(shown.error());
}

class LiveView final : public LiveLoop {
 public:
  LiveView(Tool& tool, control::Client daemon, control::LineStream stream, LiveTerminal& terminal)
      : LiveLoop(terminal), tool_(tool), daemon_(std::move(daemon)), stream_(std::move(stream)) {
    take_lines();  // what came with the head
  }

 private:
  void refresh() override {
    if (!stream_ && reconnect_.passed()) connect_again();
  }

  Lines render(LiveTerminal::Size size) override { return screen_.render(size.width, size.height, WallClock::now()); }

  std::chrono::milliseconds patience() const override { return kRedraw; }

  int stream() const override { return stream_ ? stream_->descriptor() : -1; }

  void press(const std::vector<Key>& keys) override {
    for (const Key& key : keys) {
      const Effect effect = screen_.press(key);
      if (effect.kind == Effect::Kind::kQuit) end();
      if (effect.kind == Effect::Kind::kApprove) decide(control::ReviewDecision::Say::kApprove, effect);
      if (effect.kind == Effect::Kind::kReject) decide(control::ReviewDecision::Say::kReject, effect);
      // What was typed ahead was meant for another screen.
      if (effect.kind != Effect::Kind::kNone) return;
    }
  }

  void decide(control::ReviewDecision::Say say, const Effect& effect) {
    const auto body = send_verdict(tool_, say, effect.review, effect.comment);
    if (!body) return screen_.say(body.error().message);
    const auto after = control::decode_review(*body);
    if (!after) return screen_.say(after.error().message);
    screen_.say(fmt::format("{}: {}", short_id(after->id),
                            say == control::ReviewDecision::Say::kApprove ? approval_outcome(*after, WallClock::now())
                                                                          : "rejected: it is not sent"));
  }

  void take_lines() override {
    const auto lines = stream_->read();
    if (!lines || !*lines) return lose(lines ? "the daemon ended the stream" : lines.error().message);
    for (const std::string& line : **lines) {
      const auto change = control::decode_review_news(line);
      if (!change) return lose(change.error().message);
      screen_.changed(*change);
    }
  }

  void lose(std::string_view why) {
    stream_.reset();
    screen_.forget_all();
    screen_.say(fmt::format("{}; trying again", why));
    reconnect_ = Deadline::after(kReconnect);
  }

  void connect_again() {
    auto stream = daemon_.open_lines(kWatchTarget, Deadline::after(kReconnect));
    if (!stream) return lose(stream.error().message);
    stream_ = *std::move(stream);
    screen_.say("");
    take_lines();
  }

  Tool& tool_;
  control::Client daemon_;
  std::optional<control::LineStream> stream_;
  ReviewScreen screen_;
  Deadline reconnect_ = Deadline::after(std::chrono::nanoseconds::zero());
};

ExitCode watch_reviews(Tool& tool, const ReviewWatchOptions&) {
  if (tool.json()) return print_changes(tool);
  if (!input_is_a_terminal() || isatty(STDOUT_FILENO) != 1) {
    return tool.usage("add -o jsonl: there is no terminal to draw on");
  }
  const auto daemon = tool.client();
  if (!daemon) return tool.report(daemon.error());
  // Before the screen is taken, so that a refusal is an ordinary one.
  auto stream = daemon->open_lines(kWatchTarget, Deadline::after(Tool::kPatience));
  if (!stream) return tool.report(stream.error());
  auto terminal = LiveTerminal::begin();
  if (!terminal) return tool.report(terminal.error());
  LiveView(tool, *daemon, *std::move(stream), *terminal).run();
  return ExitCode::kOk;
}

}  // namespace

void add_review_watch(CLI::App& review, CommandLine& line) {
  CLI::App& verb = add_verb(
      review, line,
      {.name = "watch",
       .summary = "Shows held requests as they come, and decides by keyboard",
       .examples = {"review watch", "review watch -o jsonl"},
       .more = "j k or the arrows choose, Enter shows all of it, a approves after a question, r rejects, q ends.\n"
               "With -o jsonl: what is open, then one line for each change, until interrupted; it fails when the\n"
               "daemon ends or it reads too slowly. While either runs somebody is there to be asked."});
  when_chosen(verb, line, std::make_shared<ReviewWatchOptions>(), watch_reviews);
}

}  // namespace enforcer::ctl
