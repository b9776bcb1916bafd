// guest list: the table for people, and what it says of guests of other kinds.
#include "enforcerctl/guest_table.h"

#include <doctest/doctest.h>

#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

using std::chrono::seconds;

WallClock::time_point from_epoch(std::int64_t since_1970) {
  return WallClock::time_point(seconds(since_1970));
}

control::GuestInfo busy_guest() {
  control::GuestInfo guest = guest_info("vm");
  guest.created = from_epoch(1'700'000'000);
  guest.owner = 0;
  guest.policies = {"base", "coding-agent"};
  guest.decisions = {.allowed = 12, .denied = 3, .held = 1};
  guest.connections = 4;
  return guest;
}

}  // namespace

TEST_CASE("uptime_is_short_and_never_negative") {
  const auto said = [](std::int64_t span) { return uptime_text(from_epoch(1000), from_epoch(1000 + span)); };
  CHECK(said(0) == "0s");
  CHECK(said(59) == "59s");
  CHECK(said(60) == "1m");
  CHECK(said(3599) == "59m");
  CHECK(said(3600) == "1h0m");
  CHECK(said(7800) == "2h10m");
  CHECK(said(86399) == "23h59m");
  CHECK(said(86400) == "1d");
  CHECK(said(4 * 86400 + 5000) == "4d");
  CHECK(said(-500) == "0s");
}

TEST_CASE("guest_table_says_what_a_guest_is_and_does") {
  const std::string usual =
      guest_table({busy_guest()}, from_epoch(1'700'007'800), GuestColumns::kUsual).render(Headers::kShow);
  CHECK(usual ==
        "NAME   STATE     UPTIME   POLICY              ALLOWED   DENIED   HELD\n"
        "vm     running   2h10m    base,coding-agent   12        3        1\n");
  const std::string all =
      guest_table({busy_guest()}, from_epoch(1'700'007'800), GuestColumns::kAll).render(Headers::kShow);
  CHECK(all ==
        "NAME   STATE     UPTIME   POLICY              ALLOWED   DENIED   HELD   CONNECTIONS   KIND      IMAGE   "
        "ACCELERATOR   IPV4         IPV6   OWNER   LABELS\n"
        "vm     running   2h10m    base,coding-agent   12        3        1      4             microvm   mini    "
        "tcg           100.64.0.7   -      root    role=agent\n");
}

TEST_CASE("guest_table_shows_what_is_not_known_as_nothing") {
  control::GuestInfo guest = guest_info("box", "attached");
  guest.accelerator = "";
  guest.labels = {{"team", "\x1b[31m"}};
  guest.owner = 4'200'000;
  const std::string row = guest_table({guest}, from_epoch(0), GuestColumns::kAll).render(Headers::kHide);
  CHECK(row ==
        "box   running   -   -   0   0   0   0   attached   -   -   100.64.0.7   -   4200000   team=\\x1b[31m\n");
  CHECK(guest_table({}, from_epoch(0), GuestColumns::kUsual).empty());
}

TEST_CASE("guest_list_prints_a_table_names_or_json") {
  FakeDaemon daemon;
  daemon.locked()->guests = {busy_guest(), guest_info("box", "attached")};
  const Ran table = run_with(daemon, {"guest", "list"});
  CHECK(table.status == 0);
  CHECK(table.out.contains("base,coding-agent"));
  CHECK_FALSE(table.out.contains("LABELS"));
  CHECK(run_with(daemon, {"guest", "list", "-o", "wide"}).out.contains("LABELS"));
  CHECK(run_with(daemon, {"guest", "list", "-o", "name"}).out == "vm\nbox\n");
  const std::string json = run_with(daemon, {"guest", "list", "-o", "json"}).out;
  for (const char* field :
       {R"("created":"2023-11-14T22:13:20.000Z")", R"("created":"")", R"("policies":["base","coding-agent"])",
        R"("policies":[])", R"("decisions":{"allowed":12,"denied":3,"held":1})", R"("connections":4)",
        R"("owner":0)"}) {
    CAPTURE(field);
    CHECK(json.contains(field));
  }
}
