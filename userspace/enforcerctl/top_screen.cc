#include "enforcerctl/top_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "audit/record.h"
#include "base/text.h"
#include "control/json_object.h"
#include "enforcerctl/history.h"
#include "enforcerctl/table.h"

namespace enforcer::ctl {
namespace {

using nlohmann::json;

/// More than a busy daemon records in the window, and what a terminal can be kept waiting for: the oldest go first.
constexpr std::size_t kMostEvents = 200'000;
constexpr std::size_t kNarrowestTop = 40;
constexpr std::size_t kLowestTop = 8;

/// As records have it: RFC 3339 in UTC with a fixed number of digits, which sorts as text.
std::string text_of_time(WallClock::time_point time) {
  std::string text;
  audit::append_time(text, time);
  return text;
}

/// "1.5 MiB"
std::string size_text(std::uint64_t octets) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double size = static_cast<double>(octets);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} B", octets) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

Lines lines_of_table(const Table& table) {
  Lines lines;
  std::string text = table.render(Headers::kShow);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// "5m"
std::string top_window_text() {
  return fmt::format("{}m", kTopWindow.count());
}

double per_second(std::uint64_t before, std::uint64_t now, std::chrono::duration<double> elapsed) {
  return now < before ? 0 : static_cast<double>(now - before) / elapsed.count();
}

std::string rate_text(double rate) {
  return fmt::format("{:.1f}", rate);
}

}  // namespace

void TopScreen::sample(std::vector<control::GuestInfo> guests, std::chrono::duration<double> elapsed) {
  std::map<std::string, Rates> rates;
  for (const control::GuestInfo& guest : guests) {
    const auto before = std::ranges::find_if(guests_, [&](const control::GuestInfo& known) {
      return known.name == guest.name && known.epoch == guest.epoch;
    });
    if (before == guests_.end() || elapsed.count() <= 0) continue;
    const auto& was = before->decisions;
    const auto& is = guest.decisions;
    rates.emplace(guest.name.text(), Rates{.allowed = per_second(was.allowed, is.allowed, elapsed),
                                           .denied = per_second(was.denied, is.denied, elapsed),
                                           .held = per_second(was.held, is.held, elapsed)});
  }
  guests_ = std::move(guests);
  rates_ = std::move(rates);
}

void TopScreen::record(std::string_view line, WallClock::time_point now) {
  const Recorded recorded = read_record(line);
  Event event;
  std::string time;
  if (const auto* decision = std::get_if<RecordedDecision>(&recorded)) {
    if (decision->decision != "deny") return;
    event.denial = Denial{decision->guest, PastDecision{.what = *decision}.target(), decision->rule, decision->reason};
    event.count = decision->count;
    time = decision->time;
  } else if (const auto* end = std::get_if<RecordedEnd>(&recorded)) {
    event.guest = end->guest;
    event.up = end->bytes_up;
    event.down = end->bytes_down;
    time = end->time;
  } else {
    return;
  }
  // What is not of a record's shape does not sort as one.
  if (time.size() != text_of_time(now).size() || time < text_of_time(now - kTopWindow)) return;
  event.time = std::move(time);
  events_.push_back(std::move(event));
  if (events_.size() > kMostEvents) events_.pop_front();
}

void TopScreen::forget_records() {
  events_.clear();
}

void TopScreen::forget_old(WallClock::time_point now) {
  const std::string oldest = text_of_time(now - kTopWindow);
  while (!events_.empty() && events_.front().time < oldest) events_.pop_front();
}

TopScreen::After TopScreen::press(const Key& key) {
  message_.clear();
  if (key.kind == Key::Kind::kInterrupt) return After::kQuit;
  if (key.kind != Key::Kind::kCharacter) return After::kGoOn;
  if (key.character == 'q') return After::kQuit;
  if (key.character == 's') {
    order_ = order_ == Order::kBytes ? Order::kName : static_cast<Order>(static_cast<int>(order_) + 1);
  }
  return After::kGoOn;
}

std::vector<TopScreen::Row> TopScreen::rows() const {
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> bytes;
  for (const Event& event : events_) {
    if (event.denial) continue;
    auto& [up, down] = bytes[event.guest];
    up += event.up;
    down += event.down;
  }
  std::vector<Row> rows;
  for (const control::GuestInfo& guest : guests_) {
    Row row{.guest = guest, .rates = {}, .up = 0, .down = 0};
    if (const auto found = rates_.find(guest.name.text()); found != rates_.end()) row.rates = found->second;
    if (const auto found = bytes.find(guest.name.text()); found != bytes.end()) {
      std::tie(row.up, row.down) = found->second;
    }
    rows.push_back(std::move(row));
  }
  const auto value = [&](const Row& row) {
    const Rates rates = row.rates.value_or(Rates{});
    switch (order_) {
      case Order::kDenied:
        return rates.denied;
      case Order::kDecisions:
        return rates.allowed + rates.denied + rates.held;
      case Order::kConnections:
        return static_cast<double>(row.guest.connections);
      case Order::kBytes:
        return static_cast<double>(row.up + row.down);
      case Order::kName:
        break;
    }
    return 0.0;
  };
  // The most first; names decide between equals.
  std::ranges::sort(rows, {}, [&](const Row& row) { return std::pair(-value(row), row.guest.name.text()); });
  return rows;
}

std::vector<std::pair<TopScreen::Denial, std::uint64_t>> TopScreen::denials() const {
  std::map<Denial, std::uint64_t> counts;
  for (const Event& event : events_) {
    if (event.denial) counts[*event.denial] += event.count;
  }
  std::vector<std::pair<Denial, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return sorted;
}

Lines TopScreen::guest_lines_of_top() const {
  if (guests_.empty()) return {"No guest."};
  const std::string window = top_window_text();
  Table table(
      {"GUEST", "STATE", "CONNECTIONS", "ALLOW/S", "DENY/S", "HOLD/S", "DENIED", "UP " + window, "DOWN " + window});
  for (const Row& row : rows()) {
    const auto rate = [&](double Rates::* which) { return row.rates ? rate_text((*row.rates).*which) : ""; };
    table.add({row.guest.name.text(), row.guest.state, std::to_string(row.guest.connections), rate(&Rates::allowed),
               rate(&Rates::denied), rate(&Rates::held), std::to_string(row.guest.decisions.denied), size_text(row.up),
               size_text(row.down)});
  }
  return lines_of_table(table);
}

Lines TopScreen::denial_lines() const {
  Table table({"DENIED " + top_window_text(), "GUEST", "TARGET", "RULE", "REASON"});
  for (const auto& [denial, count] : denials()) {
    table.add({std::to_string(count), denial.guest, denial.target, denial.rule, denial.reason});
  }
  return table.empty() ? Lines{fmt::format("Nothing was denied in the last {} minutes.", kTopWindow.count())}
                       : lines_of_table(table);
}

Lines TopScreen::snapshot(WallClock::time_point now) {
  forget_old(now);
  Lines lines = guest_lines_of_top();
  lines.emplace_back();
  std::ranges::move(denial_lines(), std::back_inserter(lines));
  return lines;
}

Lines TopScreen::render(std::size_t width, std::size_t height, WallClock::time_point now) {
  static constexpr std::array<std::string_view, 5> kOrders{"name", "denials", "decisions", "connections", "bytes"};
  width = std::max(width, kNarrowestTop);
  height = std::max(height, kLowestTop);
  forget_old(now);
  std::uint64_t connections = 0;
  for (const control::GuestInfo& guest : guests_) connections += guest.connections;
  Lines lines{fmt::format("Enforcer: {}, {}", count_of(guests_.size(), "guest"), count_of(connections, "connection")),
              ""};
  // Denials have a third of the room even where there are many guests.
  const std::size_t room = height - 5;
  Lines denied = denial_lines();
  Lines guests = guest_lines_of_top();
  guests.resize(std::min(guests.size(), room - std::min(denied.size(), room / 3)));
  std::ranges::move(guests, std::back_inserter(lines));
  lines.emplace_back();
  for (std::string& line : denied) {
    if (lines.size() < height - 2) lines.push_back(std::move(line));
  }
  lines.resize(height - 2);
  lines.push_back(message_);
  lines.push_back(fmt::format("s order: {}   q quit", kOrders[static_cast<std::size_t>(order_)]));
  for (std::string& line : lines) line.resize(std::min(line.size(), width));
  return lines;
}

json TopScreen::to_json(WallClock::time_point now) {
  forget_old(now);
  json answer = control::answer_object();
  answer["guests"] = json::array();
  for (const Row& row : rows()) {
    json guest = {
        {"name", row.guest.name.text()},        {"state", row.guest.state}, {"connections", row.guest.connections},
        {"denied", row.guest.decisions.denied}, {"bytes_up", row.up},       {"bytes_down", row.down}};
    if (row.rates) {
      guest["per_second"] = {{"allowed", row.rates->allowed}, {"denied", row.rates->denied}, {"held", row.rates->held}};
    }
    answer["guests"].push_back(std::move(guest));
  }
  answer["denied"] = json::array();
  for (const auto& [denial, count] : denials()) {
    answer["denied"].push_back({{"count", count},
                                {"guest", denial.guest},
                                {"target", denial.target},
                                {"rule", denial.rule},
                                {"reason", denial.reason}});
  }
  return answer;
}

}  // namespace enforcer::ctl
