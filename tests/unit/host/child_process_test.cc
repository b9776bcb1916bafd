// Processes held and taken back, and what is said of their ends.
#include "host/child_process.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>

#include "host/process.h"

namespace enforcer::host {
namespace {

constexpr ChildTitle kSheep{.name = "sheep", .says_before = "baa: "};

/// A child that does this, and ends with us.
pid_t start_child(const std::function<void()>& life) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    life();
    _exit(0);
  }
  return pid;
}

void sleep_long() {
  ::sleep(60);
}

/// Its ending, once it is there.
std::string how_it_ended(ChildProcess& process) {
  CHECK(is_readable(process.pidfd(), std::chrono::seconds(20)));
  return process.ending().value_or("it runs");
}

/// How a child ends that writes this and exits with 3.
std::string ending_of_one_that_says(const std::string& text) {
  auto pipe = make_error_pipe();
  REQUIRE(pipe);
  const pid_t pid = start_child([&] {
    (void)!::write(pipe->write_end.get(), text.data(), text.size());
    _exit(3);
  });
  auto process = ChildProcess::hold(pid, kSheep, std::move(pipe->read_end));
  REQUIRE(process);
  return how_it_ended(*process);
}

TEST_CASE("end_of_a_child_is_told_with_the_first_line_that_it_complained_with") {
  CHECK(ending_of_one_that_says("") == "sheep ended with status 3");
  CHECK(ending_of_one_that_says("no grass\nno water\n") == "sheep ended with status 3: no grass");
  CHECK(ending_of_one_that_says("baa: no grass") == "sheep ended with status 3: no grass");
  CHECK(ending_of_one_that_says("no baa: grass") == "sheep ended with status 3: no baa: grass");
  CHECK(ending_of_one_that_says("\x1b[2J") == "sheep ended with status 3: \\x1b[2J");
}

TEST_CASE("child_runs_until_it_is_ended_and_is_reaped_once") {
  const pid_t pid = start_child(sleep_long);
  auto process = ChildProcess::hold(pid, kSheep, Fd());
  REQUIRE(process);
  CHECK_FALSE(process->ending());
  CHECK_FALSE(is_readable(process->pidfd(), std::chrono::milliseconds(0)));
  REQUIRE(process->end());
  CHECK(process->ending() == "sheep ended by signal 9");
  CHECK((::waitpid(pid, nullptr, WNOHANG) < 0 && errno == ECHILD));
  CHECK(process->end());  // again: nothing is left to do
  CHECK(process->ending() == "sheep ended by signal 9");
}

TEST_CASE("child_that_ended_before_it_was_held_is_held_all_the_same") {
  const pid_t pid = start_child([] { _exit(7); });
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
  auto process = ChildProcess::hold(pid, kSheep, Fd());
  REQUIRE(process);
  CHECK(process->ending() == "sheep ended with status 7");
}

TEST_CASE("process_of_an_earlier_run_is_taken_back_by_pid_and_start_time") {
  const pid_t pid = start_child(sleep_long);
  const auto start_time = read_start_time(pid);
  REQUIRE(start_time);
  for (const std::uint64_t other : {*start_time + 1, *start_time - 1, std::uint64_t{0}}) {
    const auto another = ChildProcess::adopt(pid, other, kSheep);
    REQUIRE_FALSE(another);
    CHECK(another.error().code == Errc::kNotFound);
  }
  auto process = ChildProcess::adopt(pid, *start_time, kSheep);
  REQUIRE(process);
  CHECK((process->pid() == pid && process->start_time() == *start_time));
  CHECK_FALSE(process->ending());
  REQUIRE(process->end());
  const auto gone = ChildProcess::adopt(pid, *start_time, kSheep);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == Errc::kNotFound);
}

TEST_CASE("process_that_is_not_our_child_ends_without_a_status") {
  // A grandchild: what a hostd that was restarted has of the guests of the one before.
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const Fd from(ends[0]), to(ends[1]);
  const pid_t parent = start_child([&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::sleep(60);
      _exit(0);
    }
    (void)!::write(to.get(), &pid, sizeof pid);
    _exit(0);
  });
  pid_t pid = 0;
  REQUIRE(::read(from.get(), &pid, sizeof pid) == sizeof pid);
  REQUIRE(::waitpid(parent, nullptr, 0) == parent);
  const auto start_time = read_start_time(pid);
  REQUIRE(start_time);
  auto process = ChildProcess::adopt(pid, *start_time, kSheep);
  REQUIRE(process);
  CHECK(process->end());
  CHECK(process->ending() == "sheep ended");
}

TEST_CASE("letting_go_of_a_process_does_not_end_it") {
  const pid_t pid = start_child(sleep_long);
  {
    REQUIRE(ChildProcess::hold(pid, kSheep, Fd()));
  }
  CHECK(::kill(pid, 0) == 0);
  CHECK(::waitpid(pid, nullptr, WNOHANG) == 0);
  ::kill(pid, SIGKILL);
  CHECK(::waitpid(pid, nullptr, 0) == pid);
}

}  // namespace
}  // namespace enforcer::host
