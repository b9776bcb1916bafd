// The life of a process that we started and that may outlive us: QEMU, the server of a workspace. Held by its pidfd;
// with pid and start time it is the same one for ever, so that a later run of ours takes it back with adopt().
//
// The destructor lets go, end() ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "host/child_steps.h"

namespace enforcer::host {

/// What messages call it.
struct ChildTitle {
  const char* name;              ///< "QEMU"
  const char* says_before = "";  ///< what it puts before each of its complaints, which is left out
};

class ChildProcess {
 public:
  /// A child of ours that was just started and that nobody has waited for. `errors`: the read end of
  /// make_error_pipe(). On failure it is killed and waited for.
  static Result<ChildProcess> hold(pid_t pid, ChildTitle title, Fd errors);

  /// Takes back one of an earlier run. kNotFound when it is gone, or the pid is another's now.
  static Result<ChildProcess> adopt(pid_t pid, std::uint64_t start_time, ChildTitle title);

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// read_start_time(). To be kept for adopt().
  [[nodiscard]] std::uint64_t start_time() const { return start_time_; }
  /// Readable when it has ended.
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  /// How it ended, in one line with the first line of its standard error; nothing while it runs. Reaps it.
  [[nodiscard]] std::optional<std::string> ending();

  /// Kills it and waits for its end. kTimeout when that takes five seconds.
  Result<> end();

 private:
  ChildProcess(pid_t pid, std::uint64_t start_time, ChildTitle title, Fd pidfd, Fd errors);

  pid_t pid_;
  std::uint64_t start_time_;
  ChildTitle title_;
  Fd pidfd_;
  Fd errors_;  ///< none after adopt()
  std::optional<std::string> ending_;
};

/// For the standard error of a child. Non-blocking at both ends: it must not stand still because nobody reads what it
/// complains about, and neither must we.
Result<ChildPipe> make_error_pipe();

}  // namespace enforcer::host
