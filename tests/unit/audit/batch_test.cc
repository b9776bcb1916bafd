#include "audit/batch.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "audit/log.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

namespace asio = boost::asio;

DecisionRecord denial(std::string_view host, Port port = kHttpsPort) {
  return {.id = DecisionId::make(),
          .subject = {.guest = &guest(), .epoch = Epoch{1}},
          .layer = policy::Layer::kTls,
          .decision = {.reason = policy::Reason::kNoRule, .would = {}},
          .generation = 1,
          .host = host,
          .port = port};
}

/// A session as the proxy has it: record, wait, go on.
asio::awaitable<void> session(Batch& batch, std::vector<Result<>>& outcomes) {
  batch.append(DecisionRecord{.id = DecisionId::make(), .host = "example.com"});
  outcomes.push_back(co_await batch.commit());
}

TEST_CASE("sessions_of_one_turn_share_one_write") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  std::vector<Result<>> outcomes;
  for (int i = 0; i < 100; ++i) asio::co_spawn(io, session(batch, outcomes), asio::detached);
  io.run();
  CHECK(outcomes.size() == 100);
  for (const auto& outcome : outcomes) CHECK(outcome.has_value());
  CHECK(log->write_calls() <= 2);
  check_sequence(records_of(folder.log()));
  CHECK(log->events() == 100);
}

TEST_CASE("invariant_3_a_session_goes_on_only_after_its_record_is_in_the_file") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  std::string at_commit;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        batch.append(DecisionRecord{.id = DecisionId::make(), .host = "first.example"});
        CHECK(read_file(folder.log()).empty());
        CHECK((co_await batch.commit()).has_value());
        at_commit = read_file(folder.log());
      },
      asio::detached);
  io.run();
  CHECK(at_commit.find("first.example") != std::string::npos);
}

TEST_CASE("invariant_3_when_the_record_cannot_be_written_every_waiting_session_is_told") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 1, .max_files = 2});
  asio::io_context io(1);
  Batch batch(io, *log);
  std::vector<Result<>> outcomes;
  asio::co_spawn(io, session(batch, outcomes), asio::detached);
  io.run();
  REQUIRE(outcomes.size() == 1);
  CHECK(outcomes[0].has_value());  // the control: the same session, and a disk that takes it

  std::filesystem::create_directories(folder.log() + ".1/in-the-way");
  for (int i = 0; i < 10; ++i) asio::co_spawn(io, session(batch, outcomes), asio::detached);
  io.restart();
  io.run();
  REQUIRE(outcomes.size() == 11);
  for (int i = 1; i < 11; ++i) CHECK_FALSE(outcomes[i].has_value());
  CHECK(log->write_errors() == 10);

  std::filesystem::remove_all(folder.log() + ".1");
  asio::co_spawn(io, session(batch, outcomes), asio::detached);
  io.restart();
  io.run();
  CHECK(outcomes.back().has_value());
}

TEST_CASE("commit_with_nothing_to_write_returns_at_once") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  int committed = 0;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        CHECK((co_await batch.commit()).has_value());
        ++committed;
      },
      asio::detached);
  io.run();
  CHECK(committed == 1);
  CHECK(log->write_calls() == 0);
}

TEST_CASE("a_session_may_record_again_while_it_is_being_woken") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
          for (int round = 0; round < 5; ++round) {
            batch.append(EventRecord{.event = "round"});
            CHECK((co_await batch.commit()).has_value());
          }
          ++done;
        },
        asio::detached);
  }
  io.run();
  CHECK(done == 3);
  CHECK(records_of(folder.log()).size() == 15);
}

TEST_CASE("invariant_3_identical_denials_leave_one_record_and_a_count") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  const auto first = denial("evil.example");
  CHECK(batch.deny(first) == first.id);
  for (int i = 0; i < 41; ++i) CHECK(batch.deny(denial("evil.example")) == first.id);  // the id the guest is told
  const auto other = denial("evil.example", kHttpPort);
  CHECK(batch.deny(other) == other.id);
  const auto begin = Monotonic::now();
  io.run();  // until the second is over: the batch's own timer
  CHECK(Monotonic::now() - begin > std::chrono::milliseconds(500));

  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 3);
  CHECK(records[0]["port"] == 443);
  CHECK_FALSE(records[0].contains("count"));
  CHECK(records[1]["port"] == 80);
  CHECK(records[2]["decision_id"] == records[0]["decision_id"]);
  CHECK(records[2]["count"] == 41);
  CHECK(records[2]["host"] == "evil.example");
}

TEST_CASE("finish_writes_what_is_folded_and_what_is_waiting") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  Batch batch(io, *log);
  for (int i = 0; i < 3; ++i) batch.deny(denial("evil.example"));
  batch.append(EndRecord{.id = DecisionId::make(), .outcome = Outcome::kShutdown});
  batch.finish();
  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 3);
  CHECK(records.back()["count"] == 2);
}

TEST_CASE("a_worker_that_is_destroyed_while_sessions_wait_leaks_nothing") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  asio::io_context io(1);
  std::vector<Result<>> outcomes;
  {
    Batch batch(io, *log);
    asio::co_spawn(io, session(batch, outcomes), asio::detached);
    io.run_one();  // the session runs up to its commit
  }
  CHECK(outcomes.empty());
}

}  // namespace
}  // namespace enforcer::audit
