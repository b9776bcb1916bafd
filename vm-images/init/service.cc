#include "service.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "console.h"

namespace enforcer::guest {
namespace {

constexpr const char* kStart = "/usr/lib/enforcer/start";

enum class Service { kNotStarted, kStarted } service = Service::kNotStarted;
pid_t service_pid = -1;

[[noreturn]] void become_service() {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  ::setsid();
  ::execl(kStart, kStart, nullptr);
  ::_exit(127);
}

}  // namespace

void start_services() {
  if (service == Service::kStarted) return;
  service = Service::kStarted;
  if (::access(kStart, X_OK) != 0) return;
  service_pid = ::fork();
  if (service_pid == 0) become_service();
  if (service_pid < 0) report(kStart, Result<>(fail_errno("fork")));
}

bool service_ended(pid_t pid, int status) {
  if (pid != service_pid) return false;
  service_pid = -1;
  say(WIFEXITED(status) ? fmt::format("{} ended with status {}", kStart, WEXITSTATUS(status))
                        : fmt::format("{} was ended by signal {}", kStart, WTERMSIG(status)));
  return true;
}

}  // namespace enforcer::guest
