// top: the guests and what is denied, live for a person at a terminal, or once for everybody else.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/percent.h"
#include "control/json.h"
#include "control/json_object.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/live_loop.h"
#include "enforcerctl/prompt.h"
#include "enforcerctl/top_screen.h"

namespace enforcer::ctl {
namespace {

using Steady = std::chrono::steady_clock;

struct TopOptions {
  std::string interval = "1s";
};

constexpr auto kTopPatience = std::chrono::seconds(5);

enum class Follow { kNo, kYes };

std::string records_target(Follow follow) {
  const std::string since = control::format_time(WallClock::now() - kTopWindow);
  return fmt::format("/v1/log?follow={}&since={}", follow == Follow::kYes ? 1 : 0, percent_encode(since));
}

Result<std::vector<control::GuestInfo>> guests_now(const Tool& tool) {
  const std::string body = TRY(tool.ask("GET", "/v1/guests", {}, kTopPatience));
  return control::decode_guests(body);
}

class LiveTop final : public LiveLoop {
 public:
  LiveTop(const Tool& tool, control::Client daemon, LiveTerminal& terminal, std::chrono::seconds interval)
      : LiveLoop(terminal), tool_(tool), daemon_(std::move(daemon)), interval_(interval) {}

 private:
  void refresh() override {
    if (Steady::now() >= next_sample_) take_sample();
  }

  Lines render(LiveTerminal::Size size) override { return screen_.render(size.width, size.height, WallClock::now()); }

  std::chrono::milliseconds patience() const override {
    const auto until = std::chrono::ceil<std::chrono::milliseconds>(next_sample_ - Steady::now());
    return std::max(until, std::chrono::milliseconds::zero());
  }

  int stream() const override { return records_ ? records_->descriptor() : -1; }

  void take_lines() override {
    const auto lines = records_->read();
    if (!lines || !*lines) {
      records_.reset();
      return screen_.say(lines ? "the daemon ended the stream; trying again" : lines.error().message);
    }
    for (const std::string& line : **lines) screen_.record(line, WallClock::now());
  }

  void press(const std::vector<Key>& keys) override {
    for (const Key& key : keys) {
      if (screen_.press(key) == TopScreen::After::kQuit) end();
    }
  }

  void take_sample() {
    const auto now = Steady::now();
    next_sample_ = now + interval_;
    if (!records_) open_records();
    auto guests = guests_now(tool_);
    if (!guests) return screen_.say(guests.error().message);
    screen_.sample(*std::move(guests), last_sample_ ? now - *last_sample_ : Steady::duration::zero());
    last_sample_ = now;
  }

  void open_records() {
    auto records = daemon_.open_lines(records_target(Follow::kYes), Deadline::after(kTopPatience));
    if (!records) return screen_.say(records.error().message);
    screen_.forget_records();
    screen_.say("");
    records_ = *std::move(records);
    take_lines();  // what came with the head
  }

  const Tool& tool_;
  control::Client daemon_;
  std::optional<control::LineStream> records_;
  const std::chrono::seconds interval_;
  TopScreen screen_;
  std::optional<Steady::time_point> last_sample_;
  Steady::time_point next_sample_;
};

/// Two samples, or there were no rates.
Result<TopScreen> one_snapshot(const Tool& tool, const control::Client& daemon, std::chrono::seconds interval) {
  TopScreen screen;
  screen.sample(TRY(guests_now(tool)), {});
  const auto before = Steady::now();
  const auto now = WallClock::now();
  TRY_VOID(daemon.stream(records_target(Follow::kNo), Deadline::after(Tool::kPatience), [&](std::string_view line) {
    screen.record(line, now);
    return control::Wants::kMore;
  }));
  const auto left = interval - std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - before);
  poll(nullptr, 0, static_cast<int>(std::max(left, std::chrono::milliseconds::zero()).count()));
  auto guests = TRY(guests_now(tool));
  screen.sample(std::move(guests), Steady::now() - before);
  return screen;
}

ExitCode top(Tool& tool, const TopOptions& options) {
  const auto interval = parse_duration(options.interval);
  if (!interval) return tool.usage(interval.error().message);
  if (*interval < std::chrono::seconds(1) || *interval > std::chrono::hours(1)) {
    return tool.usage("--interval is from 1s to 1h");
  }
  const auto daemon = tool.client();
  if (!daemon) return tool.report(daemon.error());
  if (!tool.json() && input_is_a_terminal() && isatty(STDOUT_FILENO) == 1) {
    // Before the screen is taken, so that a refusal is an ordinary one.
    if (const auto guests = guests_now(tool); !guests) return tool.report(guests.error());
    auto terminal = LiveTerminal::begin();
    if (!terminal) return tool.report(terminal.error());
    LiveTop(tool, *daemon, *terminal, *interval).run();
    return ExitCode::kOk;
  }
  auto screen = one_snapshot(tool, *daemon, *interval);
  if (!screen) return tool.report(screen.error());
  if (tool.json()) {
    tool.print_json(control::dump(screen->to_json(WallClock::now())));
  } else {
    tool.terminal().out(joined_lines(screen->snapshot(WallClock::now())));
  }
  return ExitCode::kOk;
}

}  // namespace

void add_top(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<TopOptions>();
  CLI::App& verb =
      add_verb(root, line,
               {.name = "top",
                .summary = "Shows live what the guests do, and what is denied most",
                .examples = {"top", "top --interval 5s", "top -o json"},
                .more = fmt::format(
                    "s takes the next order (name, denials, decisions, connections, bytes), q ends. Denials and the\n"
                    "bytes of what has ended are those of the last {} minutes. Where there is no terminal it is\n"
                    "shown once, after one interval.",
                    kTopWindow.count())});
  verb.add_option("--interval", options->interval, "How often the guests are asked for (1s)")->type_name("DURATION");
  when_chosen(verb, line, options, top);
}

}  // namespace enforcer::ctl
