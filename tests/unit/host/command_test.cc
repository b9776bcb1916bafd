#include "host/command.h"

#include <doctest/doctest.h>

#include <csignal>
#include <string>

namespace enforcer::host {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a_command_gets_its_input_and_gives_its_output") {
  const auto output = run_command({"/bin/cat"}, "one\ntwo\n", Deadline::after(10s));
  REQUIRE(output);
  CHECK(*output == "one\ntwo\n");
}

TEST_CASE("a_command_that_fails_says_so_with_its_first_line") {
  const auto failed =
      run_command({"/bin/sh", "-c", "echo first >&2; echo second >&2; exit 3"}, "", Deadline::after(10s));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == Errc::kIo);
  CHECK(failed.error().message == "/bin/sh failed: first");
}

TEST_CASE("a_command_that_is_not_there_is_unavailable") {
  const auto missing = run_command({"/nonexistent/nft"}, "", Deadline::after(10s));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kUnavailable);
}

TEST_CASE("a_command_is_killed_at_its_deadline") {
  const auto begun = Monotonic::now();
  const auto late = run_command({"/bin/sleep", "60"}, "", Deadline::after(200ms));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == Errc::kTimeout);
  CHECK(Monotonic::now() - begun < 10s);
}

TEST_CASE("a_command_ignores_no_signal_that_we_ignore") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const auto output = run_command({"/bin/grep", "^SigIgn:", "/proc/self/status"}, "", Deadline::after(10s));
  std::signal(SIGPIPE, before);
  REQUIRE(output);
  CHECK((std::stoull(output->substr(output->find('\t')), nullptr, 16) & 1ULL << (SIGPIPE - 1)) == 0);
}

}  // namespace
}  // namespace enforcer::host
