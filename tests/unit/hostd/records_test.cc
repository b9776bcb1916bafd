#include "hostd/records.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../temporary_folder.h"
#include "hostd/directories.h"

namespace enforcer::hostd {
namespace {

namespace fs = std::filesystem;
using enum hostproto::Workspace::Access;

/// Records are root's alone, and open() insists.
bool is_root() {
  if (geteuid() == 0) return true;
  fmt::print("SKIP: needs root, whose folder the records are in\n");
  return false;
}

GuestRecord attached(std::uint32_t slot) {
  return {.slot = Slot{slot},
          .epoch = Epoch{0xabcdef},
          .name = *GuestName::parse(fmt::format("g{}", slot)),
          .labels = {{"team", "a \"b\""}},
          .created = 1'700'000'000,
          .ipv4 = *IpAddress::parse("100.64.0.2"),
          .ipv6 = *IpAddress::parse("fd77:e::2"),
          .interface_index = 12,
          .kind = Attached{.path = "/run/netns/x", .netns = {4, 4026532001}, .eth_index = 2}};
}

TEST_CASE("records_survive_a_restart") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  GuestRecord machine = attached(2);
  machine.kind = Machine{.image = "mini",
                         .memory_mib = 256,
                         .cpus = 2,
                         .accelerator = "tcg",
                         .state = Machine::State::kRunning,
                         .pid = 4242,
                         .start_time = 123456789012345,
                         .lifetime = Machine::Lifetime::kOneCommand,
                         .workspaces = {{{"/home/a/x", kReadWrite}, 4243, 77}, {{"/srv/b", kReadOnly}, 4244, 78}},
                         .cgroups = {"/sys/fs/cgroup/memory/enforcer-x-2", "/sys/fs/cgroup/pids/enforcer-x-2"}};
  const Machine original = std::get<Machine>(machine.kind);
  {
    auto records = Records::open(folder.path());
    REQUIRE(records);
    REQUIRE(records->save(attached(1)));
    REQUIRE(records->save(machine));
    for (const auto state : {Machine::State::kBooting, Machine::State::kPaused}) {
      GuestRecord other = machine;
      other.slot = Slot{state == Machine::State::kBooting ? 10U : 11U};
      std::get<Machine>(other.kind).state = state;
      REQUIRE(records->save(other));
    }
    REQUIRE(records->save(attached(3)));
    records->remove(Slot{3});
  }
  auto records = Records::open(folder.path());
  REQUIRE(records);
  auto loaded = records->load();
  REQUIRE(loaded.size() == 4);
  std::ranges::sort(loaded, {}, &GuestRecord::slot);
  CHECK(std::get<Machine>(loaded[2].kind).state == Machine::State::kBooting);
  CHECK(std::get<Machine>(loaded[3].kind).state == Machine::State::kPaused);
  CHECK(loaded[0].slot == Slot{1});
  CHECK(loaded[0].epoch == Epoch{0xabcdef});
  CHECK(loaded[0].labels == attached(1).labels);
  CHECK(loaded[0].ipv4 == attached(1).ipv4);
  CHECK(loaded[0].ipv6 == attached(1).ipv6);
  CHECK(loaded[0].interface_index == 12);
  CHECK(loaded[0].created == 1'700'000'000);
  const auto& place = std::get<Attached>(loaded[0].kind);
  CHECK(place.path == "/run/netns/x");
  CHECK(place.netns == host::NetnsId{4, 4026532001});
  const auto& process = std::get<Machine>(loaded[1].kind);
  CHECK(process.pid == 4242);
  CHECK(process.start_time == 123456789012345);
  CHECK(process.state == Machine::State::kRunning);
  CHECK(process.cpus == 2);
  CHECK(process.lifetime == Machine::Lifetime::kOneCommand);
  CHECK(process.workspaces == original.workspaces);
  CHECK(process.cgroups == original.cgroups);
}

TEST_CASE("a_record_that_says_nothing_of_lifetime_or_workspaces_is_of_a_guest_that_stays_and_shares_nothing") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  auto records = Records::open(folder.path());
  REQUIRE(records);
  std::ofstream(folder.file("guest-6.json"))
      << R"({"slot":6,"epoch":"0000000000000001","name":"g6","labels":{},"owner":0,"ipv4":"100.64.0.9",)"
      << R"("ipv6":"fd77:e::9","interface_index":3,"machine":{"image":"mini","memory_mib":256,"cpus":1,)"
      << R"("accelerator":"tcg","running":true,"paused":false,"pid":12,"start_time":34}})";
  const auto loaded = records->load();
  REQUIRE(loaded.size() == 1);
  const auto& process = std::get<Machine>(loaded.front().kind);
  CHECK(process.lifetime == Machine::Lifetime::kUntilDeleted);
  CHECK((process.pid == 12 && process.workspaces.empty() && process.cgroups.empty()));
}

TEST_CASE("invariant_9_a_slot_is_never_given_out_twice") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  for (std::uint32_t expected = 1; expected <= 6; ++expected) {
    auto records = Records::open(folder.path());  // a restart each time
    REQUIRE(records);
    CHECK(*records->next_slot() == Slot{expected});
    REQUIRE(records->save(attached(expected)));
    records->remove(Slot{expected});
  }
  std::ofstream(folder.file("last-slot")) << 0xffffff;
  auto records = Records::open(folder.path());
  REQUIRE(records);
  CHECK_FALSE(records->next_slot());
  // What cannot be read is not taken for the beginning.
  for (const char* broken : {"12x", ""}) {
    CAPTURE(broken);
    std::ofstream(folder.file("last-slot")) << broken;
    const auto slot = records->next_slot();
    REQUIRE_FALSE(slot);
    CHECK(slot.error().message == folder.file("last-slot") + " does not hold a number");
  }
  fs::remove(folder.file("last-slot"));
  fs::create_directory(folder.file("last-slot"));
  CHECK_FALSE(records->next_slot());
  fs::remove(folder.file("last-slot"));
  CHECK(*records->next_slot() == Slot{1});  // control: there was none yet
}

TEST_CASE("broken_records_are_removed_and_the_others_kept") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  auto records = Records::open(folder.path());
  REQUIRE(records);
  REQUIRE(records->save(attached(1)));
  REQUIRE(records->save(attached(2)));
  std::ofstream(folder.file("guest-3.json")) << "{";
  std::ofstream(folder.file("guest-4.json")) << R"({"slot": 4})";
  fs::copy_file(folder.file("guest-2.json"), folder.file("guest-5.json"));  // says slot 2
  fs::resize_file(folder.file("guest-2.json"), 20);
  CHECK(records->load().size() == 1);
  CHECK_FALSE(fs::exists(folder.file("guest-3.json")));
  CHECK_FALSE(fs::exists(folder.file("guest-5.json")));
  CHECK(fs::exists(folder.file("guest-1.json")));
}

TEST_CASE("a_record_that_does_not_say_when_its_guest_was_made_is_good") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  auto records = Records::open(folder.path());
  REQUIRE(records);
  REQUIRE(records->save(attached(1)));
  const std::string path = folder.file("guest-1.json");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string line = "  \"created\": 1700000000,\n";
  REQUIRE(text.str().contains(line));
  std::string older = text.str();
  older.erase(older.find(line), line.size());
  std::ofstream(path) << older;
  const auto loaded = records->load();
  REQUIRE(loaded.size() == 1);
  CHECK(loaded[0].created == 0);
  CHECK(loaded[0].name == attached(1).name);
}

TEST_CASE("only_one_hostd_runs_for_an_instance") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  {
    const auto first = Records::open(folder.path());
    REQUIRE(first);
    const auto second = Records::open(folder.path());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::kConflict);
  }
  CHECK(Records::open(folder.path()));
}

TEST_CASE("refuses_a_folder_that_is_not_roots_alone") {
  if (!is_root()) return;
  const TemporaryFolder folder;
  REQUIRE(Records::open(folder.path()));
  REQUIRE(chmod(folder.path().c_str(), 0770) == 0);
  CHECK_FALSE(Records::open(folder.path()));
  REQUIRE(chmod(folder.path().c_str(), 0700) == 0);
  REQUIRE(chown(folder.path().c_str(), 65534, 65534) == 0);
  CHECK_FALSE(Records::open(folder.path()));
  const TemporaryFolder other;
  fs::create_directory(other.file("real"));
  fs::permissions(other.file("real"), fs::perms::owner_all);
  fs::create_directory_symlink(other.file("real"), other.file("link"));
  CHECK(Records::open(other.file("real")));
  CHECK_FALSE(Records::open(other.file("link")));
}

TEST_CASE("enforcerds_user_is_a_name_or_numbers_and_never_root") {
  CHECK(parse_owner("64777")->uid == 64777);
  CHECK(parse_owner("64777")->gid == 64777);
  CHECK(parse_owner("64777:64778")->gid == 64778);
  CHECK(parse_owner("nobody")->uid == 65534);
  for (const char* wrong :
       {"", "root", "0", "0:5", "no-such-user", "-1", "1x", "5:", "5:x", "nobody:5", "4294967295"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_owner(wrong));
  }
}

}  // namespace
}  // namespace enforcer::hostd
