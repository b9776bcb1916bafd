// Input and outputs go through memfds: no pipe can fill up, nothing has to be read while the program runs, and the only
// wait is the one for its end.
#include "host/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/fd.h"
#include "host/process.h"

namespace enforcer::host {
namespace {

constexpr std::size_t kMaxText = 64 * 1024;

std::string content(const Fd& file) {
  std::string text(kMaxText, '\0');
  const ssize_t size = pread(file.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  void connect(const Fd& from, int to) { posix_spawn_file_actions_adddup2(&actions_, from.get(), to); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// Nothing blocked or ignored: hostd takes its signals by a descriptor, the program takes them as ever.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t ignored;
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &ignored);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// The status of the child, which is killed when it has not ended by the deadline.
Result<int> wait_for(pid_t pid, Deadline deadline, const std::string& program) {
  // Our own child, not waited for yet: the pid is its, and it is there.
  const auto pidfd = open_pidfd(pid);
  pollfd waiting{pidfd ? pidfd->get() : -1, POLLIN, 0};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
    ready = poll(&waiting, 1, static_cast<int>(left));
  } while (ready < 0 && errno == EINTR);
  if (ready != 1) kill(pid, SIGKILL);  // our own child, not reaped yet: the pid is still its
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready != 1) return fail(Errc::kTimeout, fmt::format("{} did not end in time", program));
  return status;
}

}  // namespace

Result<std::string> run_command(const std::vector<std::string>& argv, std::string_view input, Deadline deadline) {
  const Fd in(memfd_create("input", MFD_CLOEXEC));
  const Fd out(memfd_create("output", MFD_CLOEXEC));
  const Fd err(memfd_create("errors", MFD_CLOEXEC));
  if (!in.valid() || !out.valid() || !err.valid()) return fail_errno("memfd_create");
  if (input.size() > kMaxText ||
      pwrite(in.get(), input.data(), input.size(), 0) != static_cast<ssize_t>(input.size())) {
    return fail_errno(fmt::format("cannot write the input of {}", argv[0]));
  }
  FileActions actions;
  actions.connect(in, STDIN_FILENO);
  actions.connect(out, STDOUT_FILENO);
  actions.connect(err, STDERR_FILENO);

  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));  // as execve(2)
  arguments.push_back(nullptr);
  char* environment[] = {nullptr};
  const SpawnAttributes attributes;
  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv[0].c_str(), actions.get(), attributes.get(), arguments.data(), environment);
  if (error != 0) return fail(Errc::kUnavailable, fmt::format("cannot run {}: {}", argv[0], std::strerror(error)));

  const int status = TRY(wait_for(pid, deadline, argv[0]));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string errors = content(err);
    return fail(Errc::kIo, fmt::format("{} failed: {}", argv[0], errors.substr(0, errors.find('\n'))));
  }
  return content(out);
}

}  // namespace enforcer::host
