// A guest that is made for one command goes when nobody is there to hear of it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "fake_daemon.h"

namespace enforcer::control::testing {
namespace {

/// Asks for a guest that takes a moment to be made, and gives up meanwhile.
Result<Reply> ask_and_give_up(FakeDaemon& daemon, std::string_view body) {
  std::promise<void> making;
  auto begun = making.get_future();
  {
    const std::lock_guard lock(daemon.shared.mutex);
    daemon.shared.making = &making;
  }
  return daemon.client().request("POST", "/v1/guests", body, Deadline::after(std::chrono::seconds(10)),
                                 [&] { return begun.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
}

bool is_there(FakeDaemon& daemon, std::string_view name) {
  return daemon.ask("GET", fmt::format("/v1/guests/{}", name)).status == 200;
}

std::ptrdiff_t deletions(FakeDaemon& daemon, std::string_view name) {
  return std::ranges::count(daemon.shared.calls_now(), fmt::format("delete {}", name));
}

TEST_CASE("guest_for_one_command_is_undone_when_whoever_asked_is_gone") {
  FakeDaemon daemon;
  const auto reply = ask_and_give_up(daemon, R"({"name":"run-1","ephemeral":true})");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == Errc::kUnavailable);
  CHECK(deletions(daemon, "run-1") == 0);  // it is not made yet
  CHECK(eventually([&] { return deletions(daemon, "run-1") == 1; }));
  CHECK_FALSE(is_there(daemon, "run-1"));
}

TEST_CASE("guest_that_is_to_stay_or_was_heard_of_is_not_undone") {
  FakeDaemon daemon;
  CHECK_FALSE(ask_and_give_up(daemon, R"({"name":"stays"})"));
  CHECK(eventually([&] { return is_there(daemon, "stays"); }));
  const auto waits = [] { return false; };
  const auto heard = daemon.client().request("POST", "/v1/guests", R"({"name":"run-2","ephemeral":true})",
                                             Deadline::after(std::chrono::seconds(10)), waits);
  REQUIRE(heard);
  CHECK(heard->status == 201);
  CHECK(is_there(daemon, "run-2"));
  CHECK(deletions(daemon, "stays") + deletions(daemon, "run-2") == 0);
}

}  // namespace
}  // namespace enforcer::control::testing
