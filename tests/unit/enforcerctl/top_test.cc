// What top shows.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "enforcerctl/top_screen.h"
#include "log_lines.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;
using namespace std::chrono_literals;

namespace {

/// Three seconds after the records of log_lines.h.
const WallClock::time_point kTopNow = WallClock::from_time_t(1'769'860'803);

control::GuestInfo guest_of(const std::string& name, control::GuestDecisions decisions, std::uint64_t connections = 0) {
  control::GuestInfo guest{.name = GuestName::parse(name).value()};
  guest.state = "running";
  guest.decisions = decisions;
  guest.connections = connections;
  return guest;
}

std::string end_line(std::uint64_t up, std::uint64_t down) {
  return fmt::format(R"({{"schema_version":1,"time":"2026-01-31T12:00:00.123456Z","type":"end","guest":"g1",)"
                     R"("decision_id":"x","bytes_up":{},"bytes_down":{}}})",
                     up, down);
}

Key typed(char c) {
  return {.kind = Key::Kind::kCharacter, .character = c};
}

std::size_t place_of(const Lines& lines, std::string_view begin) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with(begin)) return i;
  }
  FAIL("no line begins with ", std::string(begin), " in\n", joined_lines(lines));
  return 0;
}

}  // namespace

TEST_CASE("top_shows_rates_between_two_samples") {
  TopScreen screen;
  screen.sample({guest_of("g1", {.allowed = 10, .denied = 4, .held = 1}, 3)}, 0s);
  const Lines first = screen.snapshot(kTopNow);
  CHECK(first[place_of(first, "g1 ")].find("g1      running   3             -         -        -        4") == 0);
  screen.sample({guest_of("g1", {.allowed = 30, .denied = 5, .held = 1}, 3)}, 2s);
  const Lines second = screen.snapshot(kTopNow);
  CHECK(second[place_of(second, "g1 ")].find("g1      running   3             10.0      0.5      0.0      5") == 0);
  // Another guest of that name begins at nothing: it has no rate, and surely none below zero.
  control::GuestInfo another = guest_of("g1", {.allowed = 1});
  another.epoch = Epoch{7};
  screen.sample({another}, 1s);
  const Lines third = screen.snapshot(kTopNow);
  CHECK(third[place_of(third, "g1 ")].find("g1      running   0             -         -") == 0);
}

TEST_CASE("top_counts_denials_of_the_window_and_folded_ones_as_often_as_they_were") {
  TopScreen screen;
  const std::string denied = decision_line("tls", "deny", "no_rule", at("bad.test", 443));
  const std::string folded = decision_line("tls", "deny", "no_rule", at("worse.test", 443) + R"(,"count":7)");
  screen.record(denied, kTopNow);
  screen.record(denied, kTopNow);
  screen.record(folded, kTopNow);
  screen.record(passed("ok.test"), kTopNow);
  screen.record("no record", kTopNow);
  const Lines lines = screen.snapshot(kTopNow);
  CHECK(lines[place_of(lines, "7 ")].contains("worse.test:443"));
  CHECK(lines[place_of(lines, "2 ")].contains("bad.test:443"));
  CHECK(place_of(lines, "7 ") < place_of(lines, "2 "));
  CHECK_FALSE(joined_lines(lines).contains("ok.test"));

  const auto boundary = WallClock::time_point(1'769'860'800s + 123456us) + kTopWindow;
  CHECK(joined_lines(screen.snapshot(boundary)).contains("bad.test"));
  CHECK(joined_lines(screen.snapshot(boundary + 1us)).contains("Nothing was denied in the last 5 minutes."));
  screen.record(denied, boundary + 1s);  // old already
  CHECK_FALSE(joined_lines(screen.snapshot(boundary)).contains("bad.test"));
}

TEST_CASE("top_adds_up_the_bytes_of_what_ended") {
  TopScreen screen;
  screen.sample({guest_of("g1", {}), guest_of("g2", {})}, 0s);
  screen.record(end_line(1000, 1024), kTopNow);
  screen.record(end_line(23, 1536 * 1024), kTopNow);
  const Lines lines = screen.snapshot(kTopNow);
  CHECK(lines[place_of(lines, "g1 ")].ends_with("1023 B   1.5 MiB"));
  CHECK(lines[place_of(lines, "g2 ")].ends_with("0 B      0 B"));
  const nlohmann::json json = screen.to_json(kTopNow);
  CHECK(json["api_version"] == "v1");
  CHECK(json["guests"][0]["bytes_up"] == 1023);
  CHECK_FALSE(json["guests"][0].contains("per_second"));
}

TEST_CASE("top_takes_orders_by_key") {
  TopScreen screen;
  const auto sample = [&](std::uint64_t denied_of_b, std::chrono::seconds elapsed) {
    screen.sample({guest_of("a", {}, 1), guest_of("b", {.denied = denied_of_b}, 0), guest_of("c", {}, 9)}, elapsed);
  };
  sample(0, 0s);
  sample(5, 1s);
  const auto first = [&] {
    const Lines lines = screen.render(100, 20, kTopNow);
    return lines[place_of(lines, "GUEST") + 1].substr(0, 1);
  };
  CHECK(first() == "a");
  CHECK(screen.press(typed('s')) == TopScreen::After::kGoOn);
  CHECK(first() == "b");
  (void)screen.press(typed('s'));
  CHECK(first() == "b");
  (void)screen.press(typed('s'));
  CHECK(first() == "c");
  (void)screen.press(typed('s'));
  (void)screen.press(typed('s'));
  CHECK(first() == "a");
  CHECK(screen.press(typed('x')) == TopScreen::After::kGoOn);
  CHECK(screen.press(typed('q')) == TopScreen::After::kQuit);
  CHECK(screen.press({.kind = Key::Kind::kInterrupt}) == TopScreen::After::kQuit);
}

TEST_CASE("top_fits_its_terminal_and_shows_denials_beside_many_guests") {
  TopScreen screen;
  std::vector<control::GuestInfo> guests;
  for (int i = 0; i < 100; ++i) guests.push_back(guest_of(fmt::format("guest-{}", i), {}));
  screen.sample(guests, 0s);
  screen.record(decision_line("tls", "deny", "no_rule", at("bad.test", 443)), kTopNow);
  for (const auto& [width, height] : {std::pair(80, 24), {40, 8}, {1, 1}, {300, 200}}) {
    const Lines lines = screen.render(static_cast<std::size_t>(width), static_cast<std::size_t>(height), kTopNow);
    CHECK(lines.size() == static_cast<std::size_t>(std::max(height, 8)));
    for (const std::string& line : lines) CHECK(line.size() <= static_cast<std::size_t>(std::max(width, 40)));
  }
  const Lines lines = screen.render(80, 24, kTopNow);
  CHECK(joined_lines(lines).contains("bad.test:443"));
  CHECK(lines.front() == "Enforcer: 100 guests, 0 connections");
  CHECK(lines.back() == "s order: name   q quit");
}

TEST_CASE("top_shows_what_guests_chose_escaped") {
  TopScreen screen;
  screen.record(decision_line("tls", "deny", "no_rule", R"(,"host":"\u001b[31mred","port":443)"), kTopNow);
  const std::string text = joined_lines(screen.snapshot(kTopNow));
  CHECK(text.contains("\\x1b[31mred"));
  CHECK_FALSE(text.contains('\x1b'));
}
