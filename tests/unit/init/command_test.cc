// A command's terminal, as the agent uses it.
#include "command.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/deadline.h"

using namespace enforcer;
using namespace enforcer::guest;

namespace {

void drain_output(const Fd& fd) {
  char buffer[4096];
  while (read(fd.get(), buffer, sizeof buffer) > 0) {
  }
}

/// Until it has taken nothing for a while.
void fill_input(const Fd& fd) {
  pollfd room{fd.get(), POLLOUT, 0};
  do {
    while (write(fd.get(), "x\n", 2) > 0) {
    }
  } while (poll(&room, 1, 2'000) > 0);
}

}  // namespace

TEST_CASE("a_full_terminal_takes_the_end_of_the_input_later") {
  if (geteuid() != 0) {
    fmt::print("SKIP: a command gets an account, which needs root\n");
    return;
  }
  const Login login{.name = "root", .account = {.uid = 0, .gid = 0, .home = "/", .shell = "/bin/sh", .groups = {0}}};
  ExecRequest request;
  request.argv = {"sh", "-c", "stty -echo; echo ready; exec cat > /dev/null"};
  request.tty = hostproto::WindowSize{.rows = 24, .columns = 80};
  auto command = Command::start(request, login);
  REQUIRE(command.has_value());
  pollfd ready{command->standard_output.get(), POLLIN, 0};
  REQUIRE(poll(&ready, 1, 10'000) == 1);
  const pid_t pid = command->pid();
  int status = -1;
  REQUIRE(kill(pid, SIGSTOP) == 0);
  REQUIRE(waitpid(pid, &status, WUNTRACED) == pid);
  REQUIRE(WIFSTOPPED(status));
  fill_input(command->standard_input);
  command->end_input();
  CHECK(command->standard_input.valid());

  REQUIRE(kill(pid, SIGCONT) == 0);
  const auto patience = Deadline::after(std::chrono::seconds(10));
  while (waitpid(pid, &status, WNOHANG) == 0 && !patience.passed()) {
    drain_output(command->standard_output);
    command->end_input();
    usleep(10'000);
  }
  CHECK_FALSE(command->standard_input.valid());
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  command->reaped();
}
