#include "host/child_steps.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

namespace enforcer::host {
namespace {

constexpr int kFirstPassed = 3;
constexpr std::size_t kMaxPassed = 16;
constexpr int kHighDescriptor = 256;  // out of the way of those that are put in place

/// What comes through the pipe; without a step: the child waits.
struct ChildReport {
  const char* step;  // a literal: the child is a copy of us, so the pointer means the same in both
  int error;
};

/// The next report; nothing at the end of the pipe.
Result<bool> next_report(int report, const std::string& program, Deadline deadline) {
  pollfd waiting{report, POLLIN, 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
  if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0)
    return fail(Errc::kTimeout, program + ": could not be executed in time");
  ChildReport failure{};
  if (::read(report, &failure, sizeof failure) != static_cast<ssize_t>(sizeof failure)) return false;
  if (failure.step == nullptr) return true;
  return fail(Errc::kIo, fmt::format("{}: {}: {}", program, failure.step, std::strerror(failure.error)));
}

}  // namespace

void ChildSteps::stop(const char* step) {
  const ChildReport failure{step, errno};
  (void)!write(report_, &failure, sizeof failure);
  _exit(127);
}

void ChildSteps::require(int result, const char* step) {
  if (result < 0) stop(step);
}

void ChildSteps::start_afresh() {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  umask(0077);
  require(chdir("/"), "changing to /");
}

void ChildSteps::join_cgroups() {
  // "0" is whoever writes.
  for (const int procs : outfit_.cgroups) require(static_cast<int>(write(procs, "0", 1)), "joining its cgroup");
}

int ChildSteps::lift(int descriptor) {
  const int high = fcntl(descriptor, F_DUPFD_CLOEXEC, kHighDescriptor);
  require(high, "passing a descriptor");
  return high;
}

void ChildSteps::place_descriptors() {
  const std::vector<int>& passed = outfit_.descriptors;
  std::array<int, kMaxPassed> high{};
  if (passed.size() > kMaxPassed) stop("passing a descriptor");
  report_ = lift(report_);
  const int null = lift(open("/dev/null", O_RDWR | O_CLOEXEC));
  const int error = lift(outfit_.standard_error);
  for (std::size_t i = 0; i < passed.size(); ++i) high[i] = lift(passed[i]);
  require(dup2(null, 0), "opening /dev/null");
  require(dup2(null, 1), "opening /dev/null");
  require(dup2(error, 2), "redirecting standard error");
  for (std::size_t i = 0; i < passed.size(); ++i)
    require(dup2(high[i], kFirstPassed + static_cast<int>(i)), "passing a descriptor");
  const unsigned first_unwanted = kFirstPassed + static_cast<unsigned>(passed.size());
  require(close_range(first_unwanted, ~0U, CLOSE_RANGE_CLOEXEC), "closing descriptors");
}

void ChildSteps::limit(__rlimit_resource_t resource, rlim_t most, const char* step) {
  const rlimit both{most, most};
  require(setrlimit(resource, &both), step);
}

void ChildSteps::end_early() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file >= 0) (void)!write(file, "500", 3);
}

void ChildSteps::renounce_new_privileges() {
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renouncing new privileges");
}

void ChildSteps::report_waiting() {
  const ChildReport waiting{nullptr, 0};
  (void)!write(report_, &waiting, sizeof waiting);
}

void ChildSteps::execute(char* const* argv) {
  char* const environment[] = {nullptr};
  execve(argv[0], argv, environment);
  stop("executing it");
}

Result<> await_exec(int report, const std::string& program, Deadline deadline) {
  TRY_VOID(next_report(report, program, deadline));
  return {};
}

Result<> await_waiting(int report, const std::string& program, Deadline deadline) {
  if (TRY(next_report(report, program, deadline))) return {};
  return fail(Errc::kIo, program + ": its process ended before it was executed");
}

std::vector<char*> pointers_to(const std::vector<std::string>& argv) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

void close_all_but(const std::vector<int>& sorted) {
  unsigned first = 0;
  for (const int kept : sorted) {
    if (static_cast<unsigned>(kept) > first) ::close_range(first, static_cast<unsigned>(kept) - 1, 0);
    first = static_cast<unsigned>(kept) + 1;
  }
  ::close_range(first, ~0U, 0);
}

Result<ChildPipe> ChildPipe::make() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  return ChildPipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace enforcer::host
