// The process is a grandchild: its parent ends at once, so that one which nothing can end leaves no zombie of ours, and
// nobody has to remember it.
#include "host/workspace_child.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <variant>

#include "host/child_steps.h"
#include "host/process.h"

namespace enforcer::host {
namespace {

/// What hangs where no signal reaches ends when the file system answers; anything else soon after nobody waits any
/// more.
void end_after(Deadline deadline) {
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  ::signal(SIGALRM, SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &alarms, nullptr);
  ::alarm(1 + static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(deadline.remaining()).count()));
}

/// One packet: what came of it, and the folder beside it.
[[noreturn]] void answer(int socket, const hostproto::Workspace& workspace, const Account& owner,
                         const std::vector<std::string>& roots, Deadline deadline) {
  end_after(deadline);
  close_all_but({socket});
  hostproto::Reply reply;
  std::vector<int> descriptors;
  const auto opened = open_workspace(workspace, owner, roots);
  if (opened) descriptors.push_back(opened->get());
  if (!opened) reply.error = opened.error();
  _exit(hostproto::send_packet(socket, hostproto::encode(hostproto::Notice(reply)), descriptors) ? 0 : 1);
}

Result<Fd> read_answer(int socket) {
  auto packet = TRY(hostproto::receive_packet(socket));
  if (!packet) return fail(Errc::kIo, "no answer");
  const auto notice = TRY(hostproto::decode_notice(packet->text));
  const auto* reply = std::get_if<hostproto::Reply>(&notice);
  if (reply != nullptr && reply->error) return std::unexpected(*reply->error);
  if (reply == nullptr || packet->descriptors.size() != 1) return fail(Errc::kIo, "no folder in the answer");
  return std::move(packet->descriptors.front());
}

}  // namespace

Result<Fd> open_workspace_in_time(const hostproto::Workspace& workspace, const Account& owner,
                                  const std::vector<std::string>& roots, Deadline deadline) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair");
  const Fd ours(ends[0]);
  Fd childs(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) {
    const pid_t looks = ::fork();
    if (looks == 0) answer(childs.get(), workspace, owner, roots, deadline);
    _exit(looks > 0 ? 0 : 1);
  }
  childs.reset();
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
  if (!is_readable(ours.get(), left)) {
    return fail(Errc::kTimeout, fmt::format("workspace {}: its file system does not answer", workspace.path));
  }
  return read_answer(ours.get());
}

}  // namespace enforcer::host
