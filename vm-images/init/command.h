// One command that the host asked for: a process with three pipes, or with a terminal.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "exec_request.h"
#include "user.h"

namespace enforcer::guest {

/// Whose rights a command gets.
struct Login {
  std::string name;
  Account account;
};

/// A running command in a session of its own. The destructor ends it unless it has been reaped: with pipes its process
/// group is killed, a terminal hangs up (SIGHUP to its session). What a command leaves running in the background goes
/// on.
class Command {
 public:
  /// Whether it could be executed is known later (start_failure()): the file may lie on a
  /// file system that does not answer, and nobody else is to wait for that.
  static Result<Command> start(const ExecRequest& request, const Login& login);

  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }

  struct StartFailure {
    std::string message;  ///< "nosuch: No such file or directory"
    int status = 0;       ///< what a shell would say: 127, 126
  };
  /// To be asked when `starting` is readable and when the process has ended. Nothing while it is not known, and when it
  /// runs.
  [[nodiscard]] std::optional<StartFailure> start_failure();

  /// To its process group; with a terminal to the foreground one. SIGKILL goes to both.
  void signal(int number) const;
  /// Without a terminal nothing happens.
  void resize(hostproto::WindowSize size) const;
  /// It has been given everything: its pipe is closed, or its terminal says so. To be called again when standard_input
  /// is still valid: a terminal that is full takes the end later.
  void end_input();
  void reaped() { pid_ = -1; }  ///< its pid may be another's from now on

  // Our ends of its streams, non-blocking; invalid once closed. With a terminal both are its master, and there is no
  // standard error.
  Fd standard_input;
  Fd standard_output;
  Fd standard_error;
  Fd starting;  ///< invalid once it is known whether it could be executed

 private:
  Command() = default;
  struct Ends;

  pid_t pid_ = -1;
  Fd terminal_;  ///< the master; with pipes invalid
  // Ctrl-D twice: the first one only ends a line that has begun.
  std::string_view end_ = "\x04\x04";  ///< what its terminal has yet to take
  std::string name_;
  std::string folder_;
};

}  // namespace enforcer::guest
