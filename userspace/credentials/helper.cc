#include "credentials/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "credentials/helper_loop.h"
#include "credentials/helper_packet.h"

namespace enforcer::credentials {
namespace {

constexpr int kSocket = 3;

/// Variables may hold secrets of other credentials; commands get an environment of their own.
void forget_environment() {
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    wipe(std::span(*variable, std::strlen(*variable)));
  }
  clearenv();
}

/// Everything that this process needs no more, gone; false when something could not be given up.
bool confine_helper(const Fd& socket, pid_t parent) {
  // SIGTERM can be waited for together with the rest, so that the commands are killed too.
  sigset_t terminate;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  if (sigprocmask(SIG_SETMASK, &terminate, nullptr) != 0) return false;
  // A signal for the whole foreground group is not for us: enforcerd decides when it ends, and then we do.
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);  // ignored, it would take the status of every command away
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) return false;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) return false;
  const rlimit no_core{0, 0};
  if (setrlimit(RLIMIT_CORE, &no_core) != 0) return false;
  if (chdir("/") != 0) return false;
  umask(0077);
  prctl(PR_SET_NAME, "enforcerd-exec");
  forget_environment();
  {
    const Fd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));  // may be kSocket, so it goes first
    const bool silent =
        nothing.valid() && dup2(nothing.get(), STDIN_FILENO) >= 0 && dup2(nothing.get(), STDOUT_FILENO) >= 0;
    if (!silent) return false;
  }
  if (socket.get() != kSocket && dup2(socket.get(), kSocket) < 0) return false;
  if (fcntl(kSocket, F_SETFD, FD_CLOEXEC) != 0) return false;
  return close_range(kSocket + 1, ~0U, 0) == 0;
}

[[noreturn]] void be_the_helper(Fd socket, pid_t parent, const ExecLoader& loader, const ExecLimits& limits,
                                const std::vector<ExecSource>& always) {
  if (!confine_helper(socket, parent)) {
    log_error("the credential helper cannot be confined: {}", std::strerror(errno));
    _exit(1);
  }
  (void)socket.release();  // closed, or the same descriptor
  serve_commands(Fd(kSocket), loader, limits, always);
}

}  // namespace

Result<Helper> Helper::start(const ExecLoader& loader, const ExecLimits& limits,
                             const std::vector<ExecSource>& always) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("credential helper");
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  // A reply is one packet, and fits (a smaller wmem_max would cut it down to that).
  constexpr int kRoom = 4 * kMaxReply;
  if (setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom) != 0)
    return fail_errno("credential helper");
  constexpr int kRoomForRequests = 4 * kMaxRequest;
  if (setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &kRoomForRequests, sizeof kRoomForRequests) != 0)
    return fail_errno("credential helper");
  if (fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("credential helper");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return fail_errno("credential helper");
  if (pid == 0) {
    ours.reset();
    be_the_helper(std::move(theirs), parent, loader, limits, always);
  }
  LockedBuffer room = TRY(LockedBuffer::make(kMaxReply));
  return Helper(std::move(ours), std::move(room), pid);
}

}  // namespace enforcer::credentials
