// TopScreen: what `top` shows, without a terminal: the guests with what is decided about them each second, and what was
// denied most in the last minutes. Pure; verb_top.cc asks the daemon and owns the terminal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/api.h"
#include "enforcerctl/live_keys.h"
#include "enforcerctl/recorded_decision.h"
#include "enforcerctl/review_text.h"

namespace enforcer::ctl {

/// How far back denials and bytes are counted.
inline constexpr std::chrono::minutes kTopWindow{5};

class TopScreen {
 public:
  /// The guests as they are now, `elapsed` after the last time: that is what rates are of. The first time there are
  /// none.
  void sample(std::vector<control::GuestInfo> guests, std::chrono::duration<double> elapsed);
  /// A line of the audit log. What is older than the window, or no record, counts for nothing.
  void record(std::string_view line, WallClock::time_point now);
  /// The stream of records begins anew.
  void forget_records();

  void say(std::string message) { message_ = std::move(message); }

  enum class After { kGoOn, kQuit };
  /// q and Ctrl-C quit, s takes the next order.
  [[nodiscard]] After press(const Key& key);

  /// Exactly `height` lines of at most `width` printable characters (taken as at least 40 and 8).
  [[nodiscard]] Lines render(std::size_t width, std::size_t height, WallClock::time_point now);
  /// All of it, as wide and as long as it is.
  [[nodiscard]] Lines snapshot(WallClock::time_point now);
  [[nodiscard]] nlohmann::json to_json(WallClock::time_point now);

 private:
  enum class Order { kName, kDenied, kDecisions, kConnections, kBytes };

  struct Rates {
    double allowed = 0;
    double denied = 0;
    double held = 0;
  };
  struct Row {
    control::GuestInfo guest;
    std::optional<Rates> rates;
    std::uint64_t up = 0;  ///< octets of what ended in the window
    std::uint64_t down = 0;
  };
  struct Denial {
    std::string guest, target, rule, reason;
    auto operator<=>(const Denial&) const = default;
  };
  struct Event {
    std::string time;              ///< as the record has it
    std::optional<Denial> denial;  ///< none: an end
    std::string guest;
    std::uint64_t count = 0;
    std::uint64_t up = 0;
    std::uint64_t down = 0;
  };

  void forget_old(WallClock::time_point now);
  [[nodiscard]] std::vector<Row> rows() const;
  [[nodiscard]] std::vector<std::pair<Denial, std::uint64_t>> denials() const;
  [[nodiscard]] Lines guest_lines_of_top() const;
  [[nodiscard]] Lines denial_lines() const;

  std::vector<control::GuestInfo> guests_;
  std::map<std::string, Rates> rates_;
  std::deque<Event> events_;  ///< oldest first
  Order order_ = Order::kName;
  std::string message_;
};

}  // namespace enforcer::ctl
