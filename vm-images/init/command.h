// One command that the host asked for: a process with three pipes.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::guest {

struct ExecRequest {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  ///< on top of init's own
  std::string cwd = "/";
};

/// The payload of an 'X' frame. kInvalid names the field that is wrong.
Result<ExecRequest> parse_exec_request(std::string_view json);

/// A running command in a session of its own. The destructor kills its process group, unless it has been reaped: what a
/// command leaves running in the background goes on.
class Command {
 public:
  /// kNotFound and the like: "nosuch: No such file or directory".
  static Result<Command> start(const ExecRequest& request);

  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;  ///< to the whole process group
  void reaped() { pid_ = -1; }    ///< its pid may be another's from now on

  // Our ends of its pipes, non-blocking; invalid once closed.
  Fd standard_input;
  Fd standard_output;
  Fd standard_error;

 private:
  Command() = default;
  pid_t pid_ = -1;
};

}  // namespace enforcer::guest
