// Helper: the one process that runs commands: those of credentials (`source: {exec: [...]}`), and the one that tells
// people of held requests (`review: {notify: [...]}`).
//
// enforcerd reads what guests and origins write, so it cannot exec (seccomp), and it must not be able to make somebody
// else exec what it likes. The helper is forked before that, before there are threads and secrets, and knows by itself
// which command belongs to which name: it loads the credential files, and all that a request can say is a name, and
// for a command that is told something, one line. A request is one packet {id, name, line}, a reply one packet {id,
// value or error} (helper_packet.h).
//
// The helper reads the files again for each request, so a reload needs no message; files that do not load leave the
// last good table. Each command runs without a shell, as the helper's user, in a process group of its own, with PATH as
// its whole environment and /dev/null or that line as its input; the whole group is killed when the command has ended,
// at its deadline, and when enforcerd goes away.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/secret.h"
#include "policy/credential_spec.h"

namespace enforcer::credentials {

/// One command: of a credential whose value it prints, or one that is told something.
struct ExecSource {
  /// What the command is for. kValue: it reads nothing and prints the value. kNotice: it reads one line, and what it
  /// prints is nobody's business.
  enum class Purpose : std::uint8_t { kValue, kNotice };

  std::string name;
  std::vector<std::string> argv;                                               ///< argv[0] is an absolute path
  policy::CredentialSpec::Shape shape = policy::CredentialSpec::Shape::kLine;  ///< of what it prints
  Purpose purpose = Purpose::kValue;
};

/// Loads the table; called in the helper, before every command. An error leaves the table as it was and is logged.
using ExecLoader = std::function<Result<std::vector<ExecSource>>()>;

struct ExecLimits {
  std::chrono::milliseconds deadline = std::chrono::seconds(10);  ///< then the command's group gets SIGKILL
  std::size_t at_once = 8;                                        ///< commands that run at the same time
  std::size_t waiting = 64;                                       ///< requests that wait for one of them to end
};

class Helper {
 public:
  /// Forks the helper. `always`: commands that no file changes, found before those of the loader. Before confinement
  /// and while this process has one thread. kIo: the kernel refused; kUnavailable: no locked memory.
  static Result<Helper> start(const ExecLoader& loader, const ExecLimits& limits = {},
                              const std::vector<ExecSource>& always = {});

  [[nodiscard]] int socket() const { return socket_.get(); }  ///< SOCK_SEQPACKET, non-blocking; closing ends the helper
  [[nodiscard]] pid_t pid() const { return pid_; }

  [[nodiscard]] std::span<char> room() { return room_.bytes(); }  ///< for one reply

 private:
  Helper(Fd socket, LockedBuffer room, pid_t pid) : socket_(std::move(socket)), room_(std::move(room)), pid_(pid) {}
  Fd socket_;
  LockedBuffer room_;
  pid_t pid_;
};

}  // namespace enforcer::credentials
