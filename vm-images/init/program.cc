#include "program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/deadline.h"
#include "base/fd.h"

namespace enforcer::guest {
namespace {

constexpr int kNoSuchProgram = 127;  // as a shell says it

[[noreturn]] void become_program(const std::vector<std::string>& argv, const std::string& root, int output) {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  if (::chroot(root.c_str()) == 0 && ::chdir("/") == 0) ::execv(words.front(), words.data());
  ::_exit(kNoSuchProgram);
}

/// Its status, once it has ended; killed at the deadline.
Result<int> await_end(pid_t pid, const Deadline& deadline) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd ended{process.get(), POLLIN, 0};
  int ready = -1;
  do {
    ready =
        ::poll(&ended, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count()));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) ::kill(-pid, SIGKILL);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return fail_errno("waitpid");
  if (ready == 0) return fail(Errc::kTimeout, "it did not end in time");
  return status;
}

std::string_view last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<std::string> run_program(const std::vector<std::string>& argv, std::chrono::milliseconds limit,
                                const std::string& root) {
  const std::string& name = argv.front();
  if (::access((root + name).c_str(), X_OK) != 0) return fail_errno(name);
  // A file and not a pipe: who writes much is not held up by us.
  const Fd output(::memfd_create("output", MFD_CLOEXEC));
  if (!output.valid()) return fail_errno("memfd_create");
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) become_program(argv, root, output.get());
  const auto status = await_end(pid, Deadline::after(limit));
  if (!status) return fail_in(name, status.error());
  std::array<char, 4096> bytes;
  const ssize_t count = ::pread(output.get(), bytes.data(), bytes.size(), 0);
  std::string text(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return text;
  return fail(Errc::kUnavailable,
              fmt::format("{}: {} {}: {}", name, WIFEXITED(*status) ? "exit status" : "signal",
                          WIFEXITED(*status) ? WEXITSTATUS(*status) : WTERMSIG(*status), last_line(text)));
}

}  // namespace enforcer::guest
