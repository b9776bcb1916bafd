#include "enforcerctl/list_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "enforcerctl/live_loop.h"
#include "enforcerctl/prompt.h"
#include "enforcerctl/text_lines.h"

namespace enforcer::ctl {
namespace {

constexpr auto kAgain = std::chrono::seconds(1);

/// Keeps what a list says, and answers as the terminal it is for.
class ListTerminal final : public Terminal {
 public:
  explicit ListTerminal(const Terminal& real) : real_(real) {}
  void out(std::string_view text) override { said += text; }
  void err(std::string_view text) override { talked += text; }
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return real_.width(); }

  std::string said;
  std::string talked;

 private:
  const Terminal& real_;
};

struct Shown {
  ExitCode code = ExitCode::kOk;
  std::string said;
  std::string talked;

  /// One whose finding is that something is broken is a list all the same.
  [[nodiscard]] bool is_list() const { return code == ExitCode::kOk || code == ExitCode::kFindings; }
};

/// `moment`: what ages are counted to; none: now.
Shown show_now(const Tool& tool, const ShowList& show, std::optional<WallClock::time_point> moment) {
  ListTerminal terminal(tool.terminal());
  Tool inner(terminal);
  inner.common = tool.common;
  inner.common.headers = Headers::kShow;
  if (moment) inner.stand_still_at(*moment);
  const ExitCode code = show(inner);
  return {.code = code, .said = std::move(terminal.said), .talked = std::move(terminal.talked)};
}

Lines lines_of_list(std::string_view text) {
  Lines lines;
  for (const std::string_view line : file_lines(text)) lines.emplace_back(line);
  return lines;
}

/// Blanks between columns count once: a longer name elsewhere moves them.
std::string squeezed(std::string_view row) {
  std::string out;
  for (const std::string_view word : words_of(row)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

bool is_one_document(Output output) {
  return output == Output::kJson || output == Output::kYaml;
}

/// The rows of a list; of a table, without its first line, which says where the name stands.
struct Rows {
  std::string header;  ///< empty: it has none
  Lines rows;
};

Rows rows_of(std::string_view text, Output output) {
  Rows all{.header = "", .rows = lines_of_list(text)};
  const bool table = output == Output::kTable || output == Output::kWide;
  if (!table || all.rows.empty()) return all;
  all.header = std::move(all.rows.front());
  all.rows.erase(all.rows.begin());
  return all;
}

class ChangePrinter {
 public:
  ChangePrinter(const Tool& tool, const ShowList& show) : tool_(tool), show_(show) {}

  /// As the list is now; the failure that it is.
  ExitCode print() {
    const Shown still = show_now(tool_, show_, began_);
    if (still.talked != talked_) tool_.terminal().err(still.talked);
    talked_ = still.talked;
    if (!still.is_list()) return still.code;
    if (is_one_document(tool_.common.output)) {
      if (still.said != document_) tool_.terminal().out(still.said);
      document_ = still.said;
    } else {
      print_rows(still.said);
    }
    return ExitCode::kOk;
  }

 private:
  void print_rows(std::string_view text) {
    const Output output = tool_.common.output;
    const Rows still = rows_of(text, output);
    const ListRows::News news = rows_.take(still.header, still.rows);
    if (!tool_.json()) {
      for (const std::string& name : news.gone) tool_.say("gone: " + name);
    }
    if (news.changed.empty()) return;
    if (!headed_ && !still.header.empty() && tool_.common.headers == Headers::kShow) {
      tool_.terminal().out(still.header + "\n");
    }
    headed_ = true;
    // The same rows with the ages of now, unless something has come or gone between the two.
    const Rows now = rows_of(show_now(tool_, show_, std::nullopt).said, output);
    const Lines& rows = now.rows.size() == still.rows.size() ? now.rows : still.rows;
    for (const std::size_t index : news.changed) tool_.terminal().out(rows[index] + "\n");
  }

  const Tool& tool_;
  const ShowList& show_;
  /// Ages are those of when watching began: a row that only grew older is the same.
  const WallClock::time_point began_ = WallClock::now();
  ListRows rows_;
  std::string document_;
  std::string talked_;
  bool headed_ = false;
};

class LiveList final : public LiveLoop {
 public:
  LiveList(const Tool& tool, const ShowList& show, LiveTerminal& terminal)
      : LiveLoop(terminal), tool_(tool), show_(show) {}

 private:
  void refresh() override {
    if (Monotonic::now() < next_) return;
    shown_ = show_now(tool_, show_, std::nullopt);
    next_ = Monotonic::now() + kAgain;
  }

  Lines render(LiveTerminal::Size size) override {
    Lines lines = lines_of_list(printable_lines(shown_.said + shown_.talked));
    // The last line is ours; what does not fit is counted.
    const std::size_t room = size.height > 1 ? size.height - 1 : 0;
    const std::size_t left_out = lines.size() > room ? lines.size() - room : 0;
    lines.resize(lines.size() - left_out);
    lines.push_back(left_out == 0 ? "q ends" : fmt::format("q ends; {} more lines", left_out));
    for (std::string& line : lines) line.resize(std::min(line.size(), size.width));
    return lines;
  }

  std::chrono::milliseconds patience() const override {
    const auto until = std::chrono::ceil<std::chrono::milliseconds>(next_ - Monotonic::now());
    return std::max(until, std::chrono::milliseconds::zero());
  }

  int stream() const override { return -1; }
  void take_lines() override {}

  void press(const std::vector<Key>& keys) override {
    for (const Key& key : keys) {
      const bool quits = key.kind == Key::Kind::kCharacter && key.character == 'q';
      if (quits || key.kind == Key::Kind::kInterrupt || key.kind == Key::Kind::kEscape) end();
    }
  }

  const Tool& tool_;
  const ShowList& show_;
  Shown shown_;
  Monotonic::time_point next_;
};

}  // namespace

ListRows::News ListRows::take(std::string_view header, const Lines& rows) {
  News news;
  const auto titles = words_of(header);
  const auto place = std::ranges::find(titles, "NAME");
  const std::size_t column = place == titles.end() ? 0 : static_cast<std::size_t>(place - titles.begin());
  std::multimap<std::string, std::string> now;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string row = squeezed(rows[i]);
    const auto words = words_of(row);
    const std::string name(words.size() > column ? words[column] : "");
    const auto [first, last] = before_.equal_range(name);
    const bool same = std::any_of(first, last, [&](const auto& known) { return known.second == row; });
    if (!same) news.changed.push_back(i);
    now.emplace(name, row);
  }
  for (const auto& [name, row] : before_) {
    if (!now.contains(name)) news.gone.push_back(name);
  }
  before_ = std::move(now);
  return news;
}

ExitCode print_changes(const Tool& tool, const ShowList& show, const std::function<bool()>& wait) {
  ChangePrinter printer(tool, show);
  if (const ExitCode code = printer.print(); code != ExitCode::kOk) return code;
  while (wait()) (void)printer.print();
  return ExitCode::kOk;
}

ExitCode watch_list(const Tool& tool, const ShowList& show) {
  if (!tool.json() && input_is_a_terminal() && isatty(STDOUT_FILENO) == 1) {
    // Before the screen is taken, so that a refusal is an ordinary one.
    if (const Shown first = show_now(tool, show, std::nullopt); !first.is_list()) {
      tool.terminal().err(first.talked);
      return first.code;
    }
    auto terminal = LiveTerminal::begin();
    if (!terminal) return tool.report(terminal.error());
    LiveList(tool, show, *terminal).run();
    return ExitCode::kOk;
  }
  return print_changes(tool, show, [] {
    constexpr auto kMilliseconds = std::chrono::milliseconds(kAgain).count();
    poll(nullptr, 0, static_cast<int>(kMilliseconds));
    return true;
  });
}

}  // namespace enforcer::ctl
