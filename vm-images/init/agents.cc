#include "agents.h"

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "console.h"
#include "service.h"
#include "trust.h"

namespace enforcer::guest {

Agents::Agents(std::vector<Fd> ports) {
  for (Fd& port : ports) {
    agents_.emplace_back(std::move(port), [this](const std::string& pem) { learn_trust(pem); });
  }
}

Result<> Agents::run() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  children_ = Fd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!children_.valid()) return fail_errno("signalfd");
  while (std::ranges::none_of(agents_, &Agent::is_to_power_off)) TRY_VOID(wait_for_work());
  return {};
}

Result<> Agents::wait_for_work() {
  std::vector<pollfd> waits{{children_.get(), POLLIN, 0}};
  std::optional<std::chrono::milliseconds> patience;
  for (const Agent& agent : agents_) {
    agent.add_waits(waits);
    const auto its = agent.patience();
    if (its) patience = std::min(*its, patience.value_or(*its));
  }
  const int timeout = patience ? static_cast<int>(patience->count()) : -1;
  if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) return fail_errno("poll");
  for (Agent& agent : agents_) agent.serve();
  reap();
  return {};
}

/// Process 1 gets every orphan, the commands and the service.
void Agents::reap() {
  signalfd_siginfo ignored{};
  while (::read(children_.get(), &ignored, sizeof ignored) > 0) {
  }
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    const bool was_command = std::ranges::any_of(agents_, [&](Agent& agent) { return agent.child_ended(pid, status); });
    if (!was_command) service_ended(pid, status);
  }
}

/// Every conversation brings it. The same one again changes nothing, so that what a command of the guest has added to
/// the bundle meanwhile stays.
void Agents::learn_trust(const std::string& pem) {
  if (pem == trusted_) return;
  const auto learned = trust(pem);
  report("trusting the host's certificate", learned);
  if (!learned) return;
  const bool first = trusted_.empty();
  trusted_ = pem;
  if (first) start_services();
}

}  // namespace enforcer::guest
