// What every verb has: the terminal, the options all verbs share, and the way to the daemon.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/ids.h"
#include "base/result.h"
#include "control/client.h"
#include "enforcerctl/exit_code.h"
#include "enforcerctl/table.h"
#include "enforcerctl/terminal.h"

namespace enforcer::ctl {

enum class Output { kTable, kWide, kJson, kJsonLines, kName, kYaml, kJunit, kTap };

/// --config, --instance, --socket, -o and --no-headers, before or after the verb.
struct CommonOptions {
  std::optional<std::string> config;
  std::string instance;
  std::string socket;
  Output output = Output::kTable;
  Headers headers = Headers::kShow;
};

class Tool {
 public:
  explicit Tool(Terminal& terminal) : terminal_(terminal) {}

  CommonOptions common;

  [[nodiscard]] Terminal& terminal() const { return terminal_; }
  /// What is wanted is for programs: print_json() writes it, as JSON or as YAML.
  [[nodiscard]] bool json() const {
    return common.output == Output::kJson || common.output == Output::kJsonLines || common.output == Output::kYaml;
  }

  /// The daemon's socket: --socket, else the instance of --instance, else that of the configuration file. kNotLoaded:
  /// the file does not load; its diagnostics are in the message.
  [[nodiscard]] Result<control::Client> client() const;

  /// One request whose answer is expected to be good: its body, or the refusal's Error. `patience` covers all of it.
  /// `given_up`: as in control::Client::request().
  Result<std::string> ask(std::string_view method, std::string_view target, std::string_view body = {},
                          std::chrono::seconds patience = kPatience, const std::function<bool()>& given_up = {}) const;

  /// JSON as the daemon or we made it, with its newline; with -o yaml, a YAML document of it.
  void print_json(std::string_view body) const;
  /// "enforcerctl: MESSAGE" on standard error; the exit code that goes with it.
  [[nodiscard]] ExitCode report(const Error& error) const;
  [[nodiscard]] ExitCode usage(std::string_view message) const;
  /// Of a step that words of the command line went into: kInvalid is their fault, and usage; others as report().
  [[nodiscard]] ExitCode usage(const Error& error) const;
  /// One line of talk.
  void say(std::string_view line) const;

  /// What ages are counted to: now, or the moment that was set.
  [[nodiscard]] WallClock::time_point now() const { return moment_.value_or(WallClock::now()); }
  void stand_still_at(WallClock::time_point moment) { moment_ = moment; }

  static constexpr auto kPatience = std::chrono::seconds(30);

 private:
  Terminal& terminal_;
  std::optional<WallClock::time_point> moment_;
};

/// ["k=v", …] as labels; kInvalid names the one that is wrong.
Result<Labels> labels_from(const std::vector<std::string>& texts);
/// "role=agent,team=x"
[[nodiscard]] std::string labels_text(const Labels& labels);
/// "45s", "5m", "2h", "3d".
Result<std::chrono::seconds> parse_duration(std::string_view text);
/// "3d 4h", "2m 5s".
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

}  // namespace enforcer::ctl
