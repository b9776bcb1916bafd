#include "host/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 forgot to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "host/process.h"

namespace enforcer::host {
namespace {

constexpr std::chrono::seconds kEndTime{5};

std::string first_line(int errors, std::string_view without) {
  std::array<char, 4096> bytes{};
  const ssize_t count = errors < 0 ? 0 : ::read(errors, bytes.data(), bytes.size());
  if (count <= 0) return {};
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  text = text.substr(0, text.find('\n'));
  if (text.starts_with(without)) text.remove_prefix(without.size());
  return escape_untrusted(text);
}

std::string describe_ending(const ChildTitle& title, const siginfo_t& info, const std::string& said) {
  return fmt::format("{} ended {} {}{}{}", title.name, info.si_code == CLD_EXITED ? "with status" : "by signal",
                     info.si_status, said.empty() ? "" : ": ", said);
}

}  // namespace

ChildProcess::ChildProcess(pid_t pid, std::uint64_t start_time, ChildTitle title, Fd pidfd, Fd errors)
    : pid_(pid), start_time_(start_time), title_(title), pidfd_(std::move(pidfd)), errors_(std::move(errors)) {}

Result<ChildProcess> ChildProcess::hold(pid_t pid, ChildTitle title, Fd errors) {
  // Nobody but us reaps it, so the pid is its own even if it has ended already.
  auto pidfd = open_pidfd(pid);
  const auto start_time = read_start_time(pid);
  if (!pidfd || !start_time) {
    kill_child(pid);
    return std::unexpected(pidfd ? start_time.error() : pidfd.error());
  }
  return ChildProcess(pid, *start_time, title, *std::move(pidfd), std::move(errors));
}

Result<ChildProcess> ChildProcess::adopt(pid_t pid, std::uint64_t start_time, ChildTitle title) {
  Fd pidfd = TRY(open_pidfd(pid));
  // Read after the pidfd is open: if the numbers agree, the pidfd is that process, whatever happens to the pid later.
  if (TRY(read_start_time(pid)) != start_time) {
    return fail(Errc::kNotFound, fmt::format("process {} is another one now", pid));
  }
  return ChildProcess(pid, start_time, title, std::move(pidfd), Fd());
}

std::optional<std::string> ChildProcess::ending() {
  if (ending_ || !is_readable(pidfd_.get(), std::chrono::milliseconds(0))) return ending_;
  siginfo_t info{};
  const bool is_child = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) == 0;
  ending_ = is_child ? describe_ending(title_, info, first_line(errors_.get(), title_.says_before))
                     : fmt::format("{} ended", title_.name);
  return ending_;
}

Result<> ChildProcess::end() {
  if (ending()) return {};
  if (::pidfd_send_signal(pidfd_.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH) {
    return fail_errno(fmt::format("ending {}", title_.name));
  }
  if (!is_readable(pidfd_.get(), kEndTime)) {
    return fail(Errc::kTimeout, fmt::format("{} (process {}) does not end", title_.name, pid_));
  }
  (void)ending();
  return {};
}

Result<ChildPipe> make_error_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
  return ChildPipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace enforcer::host
