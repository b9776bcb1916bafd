// What is known of one guest: where its commands can be run, and when it is over.
#include "enforcerd/guests.h"
#include "guest_stage.h"

namespace enforcer::enforcerd {
namespace {

GuestEntry entry_of(std::string kind, std::string state) {
  return {.announced = {.name = GuestName::parse("box").value(), .kind = std::move(kind), .state = std::move(state)}};
}

Error why_not(const GuestEntry& entry) {
  const auto ready = entry.ready_channels();
  REQUIRE_FALSE(ready.has_value());
  return ready.error();
}

}  // namespace

TEST_CASE("a_guest_without_channels_says_why_it_takes_no_command") {
  const Error broken = why_not(entry_of("microvm", "running"));
  CHECK(broken.code == Errc::kUnavailable);
  CHECK(broken.message == "the guest's command channels are out of order");
  const Error attached = why_not(entry_of("attached", "running"));
  CHECK(attached.code == Errc::kInvalid);
  CHECK(attached.message == "an attached namespace has no command channel");
}

TEST_CASE("a_guest_takes_commands_while_it_runs_and_is_not_paused") {
  const GuestStage stage;
  GuestEntry entry = entry_of("microvm", "booting");
  entry.channels = stage.channels;
  CHECK(why_not(entry).code == Errc::kConflict);
  entry.announced.state = "running";
  CHECK(entry.ready_channels().value() == stage.channels);
  entry.paused_since = WallClock::now();
  CHECK(why_not(entry).code == Errc::kConflict);
}

TEST_CASE("a_guest_of_one_command_that_has_no_channel_for_it_is_over_when_its_patience_is") {
  GuestEntry entry = entry_of("microvm", "running");
  entry.announced.ephemeral = true;
  const auto now = Monotonic::now();
  CHECK_FALSE(entry.is_over(now));
  CHECK(entry.is_over(now + OneCommand::kPatience));
  entry.leaving = true;
  CHECK_FALSE(entry.is_over(now + OneCommand::kPatience));
}

TEST_CASE("a_guest_that_boots_or_was_not_made_for_one_command_is_never_over") {
  const auto now = Monotonic::now();
  GuestEntry boots = entry_of("microvm", "booting");
  boots.announced.ephemeral = true;
  GuestEntry stays = entry_of("microvm", "running");
  for (GuestEntry* entry : {&boots, &stays}) {
    CHECK_FALSE(entry->is_over(now));
    CHECK_FALSE(entry->is_over(now + OneCommand::kPatience));
  }
}

}  // namespace enforcer::enforcerd
