#include "host/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 forgot to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}

#include <array>
#include <charconv>
#include <csignal>
#include <string>
#include <string_view>

namespace enforcer::host {

/// The command's name before the numbers may hold anything, so fields are counted from its closing parenthesis.
Result<std::uint64_t> read_start_time(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> bytes{};
  const ssize_t count = file.valid() ? ::read(file.get(), bytes.data(), bytes.size()) : -1;
  if (count <= 0) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  std::string_view text(bytes.data(), static_cast<std::size_t>(count));
  const auto name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return fail(Errc::kIo, path + ": not understood");
  text.remove_prefix(name_end);
  for (int field = 2; field < 22; ++field) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return fail(Errc::kIo, path + ": not understood");
    text.remove_prefix(space + 1);
  }
  std::uint64_t start_time = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), start_time).ec != std::errc())
    return fail(Errc::kIo, path + ": not understood");
  return start_time;
}

Result<Fd> open_pidfd(pid_t pid) {
  Fd pidfd(::pidfd_open(pid, 0));
  if (!pidfd.valid()) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  return pidfd;
}

void kill_child(pid_t pid) {
  constexpr std::chrono::seconds kMost{5};
  const auto pidfd = open_pidfd(pid);
  ::kill(pid, SIGKILL);  // it is not waited for yet: the pid is its own
  if (pidfd) (void)is_readable(pidfd->get(), kMost);
  ::waitpid(pid, nullptr, pidfd ? WNOHANG : 0);
}

bool is_readable(int fd, std::chrono::milliseconds wait) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(wait.count())) > 0;
}

}  // namespace enforcer::host
