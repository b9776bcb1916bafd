#include "control/refusals.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "fake_daemon.h"

namespace enforcer::control::testing {
namespace {

/// What is recorded, without a server in between.
struct RefusalStage {
  explicit RefusalStage(std::chrono::nanoseconds period = Refusals::kPeriod)
      : backend(shared, context), refusals(std::make_shared<Refusals>(context, backend, period)) {}

  void refuse(uid_t uid, int times, Role role = Role::kNone) {
    for (int i = 0; i < times; ++i) {
      const Role needed = role == Role::kNone ? Role::kViewer : Role::kAdmin;
      refusals->add({.uid = uid, .gid = uid, .pid = 7, .groups = {}}, role, needed, "GET", "/v1/status");
    }
  }
  /// The records so far, which are forgotten.
  std::vector<std::string> records() { return std::exchange(shared.calls, {}); }

  Shared shared;
  asio::io_context context;
  FakeBackend backend;
  std::shared_ptr<Refusals> refusals;
};

TEST_CASE("refusal_is_recorded_with_who_asked_for_what") {
  RefusalStage stage;
  stage.refuse(1000, 1);
  stage.refusals->add({.uid = 1001, .gid = 0, .pid = 9, .groups = {}}, Role::kViewer, Role::kAdmin, "PO\x1b[ST",
                      "/v1/" + std::string(1000, 'a'));
  const auto records = stage.records();
  REQUIRE(records.size() == 2);
  CHECK(records[0] == "refused 1: GET /v1/status of uid 1000 pid 7: role none, and it needs viewer");
  CHECK(records[1].size() < 300);
  CHECK_FALSE(records[1].contains('\x1b'));
  CHECK(records[1].ends_with("of uid 1001 pid 9: role viewer, and it needs admin"));
  stage.refusals->end_period();
  CHECK(stage.records().empty());  // everything was recorded
}

TEST_CASE("flood_of_one_uid_is_a_few_records_and_a_count") {
  RefusalStage stage;
  stage.refuse(1000, 100'000);
  CHECK(stage.records().size() == Refusals::kOfOneUid);
  stage.refuse(1001, 1);
  CHECK(stage.records().size() == 1);  // another is not hidden behind it
  stage.refusals->end_period();
  CHECK(stage.records() == std::vector<std::string>{"refused 99990: more of uid 1000"});
  stage.refuse(1000, 1);
  CHECK(stage.records().size() == 1);  // another minute
}

TEST_CASE("flood_of_many_uids_is_bounded_as_well") {
  RefusalStage stage;
  for (uid_t uid = 100'000; uid < 101'000; ++uid) stage.refuse(uid, 20);
  const std::size_t at_once = stage.records().size();
  CHECK(at_once <= Refusals::kInAll);
  CHECK(at_once >= Refusals::kOfOneUid);
  stage.refusals->end_period();
  const auto rest = stage.records();
  CHECK(rest.size() <= Refusals::kInAll + 1);
  std::uint64_t told = at_once;
  for (const std::string& record : rest) told += std::stoull(record.substr(std::string_view("refused ").size()));
  CHECK(told == 20'000);
}

TEST_CASE("strangers_of_many_uids_do_not_hide_another_stranger_who_asks_for_the_first_time") {
  RefusalStage stage;
  for (uid_t uid = 100'000; uid < 100'016; ++uid) stage.refuse(uid, 20);
  // What they may have in all is used up by no more than their firsts and the repeated ones.
  CHECK(stage.records().size() == 16 + Refusals::kRepeatedInAll);
  stage.refuse(1000, 2);
  const auto records = stage.records();
  REQUIRE(records.size() == 1);
  CHECK(records[0].contains("of uid 1000 "));
  stage.refusals->end_period();
  const auto rest = stage.records();
  CHECK(std::ranges::count(rest, "refused 1: more of uid 1000") == 1);
}

TEST_CASE("strangers_do_not_hide_callers_with_a_role_nor_the_other_way_round") {
  for (const Role flood : {Role::kNone, Role::kViewer}) {
    const Role other = flood == Role::kNone ? Role::kViewer : Role::kNone;
    RefusalStage stage;
    for (uid_t uid = 100'000; uid < 100'100; ++uid) stage.refuse(uid, 20, flood);
    CHECK(stage.records().size() == Refusals::kInAll);
    stage.refuse(1000, 1, flood);
    CHECK(stage.records().empty());  // the control: of the same kind there is nothing left
    stage.refuse(1000, 12, other);
    CHECK(stage.records().size() == Refusals::kOfOneUid);
    stage.refusals->end_period();
    const auto rest = stage.records();
    const std::string mark = other == Role::kNone ? "" : " with a role";
    CHECK(std::ranges::count(rest, "refused 2: more of uid 1000" + mark) == 1);
  }
}

TEST_CASE("count_is_recorded_when_the_minute_is_over_without_another_refusal") {
  RefusalStage stage(std::chrono::milliseconds(20));
  stage.refuse(1000, 12);
  CHECK(stage.records().size() == 10);
  stage.context.run();  // until the timer has run out
  CHECK(stage.records() == std::vector<std::string>{"refused 2: more of uid 1000"});
  stage.refuse(1000, 12);
  stage.refusals.reset();
  stage.context.restart();
  stage.context.run();  // nobody is there any more
  CHECK(stage.records().size() == 10);
}

}  // namespace
}  // namespace enforcer::control::testing
