// What happens between fork and execve in a process that is about to be confined: the steps that all of them share, and
// how a step that failed gets back to whoever waits.
//
// System calls only, nothing that allocates or locks. Descriptors are first lifted out of the way, then put in place;
// all others, whatever they are, close at execve(). A failed step comes back through a pipe that execve() closes too:
// end of file there means that the program runs.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

struct ChildOutfit {
  std::vector<int> descriptors;  ///< become 3, 4, ...; at most 16
  int standard_error = -1;       ///< becomes 2; 0 and 1 are /dev/null
  std::vector<int> cgroups;      ///< open cgroup.procs files of the cgroups that it joins; at most 4
};

/// The child's side.
class ChildSteps {
 public:
  /// The outfit outlives the child. `report`: the write end of a pipe.
  ChildSteps(const ChildOutfit& outfit, int report) : outfit_(outfit), report_(report) {}

  [[noreturn]] void stop(const char* step);  ///< a literal; errno is the reason
  void require(int result, const char* step);

  /// Own session, so that a Ctrl-C meant for our terminal is not the guest's end; no signal blocked or ignored; a
  /// folder that is always there; files, if it ever makes any, for itself only.
  void start_afresh();
  /// First of what has limits: all that follows is charged to the guest.
  void join_cgroups();
  [[nodiscard]] int lift(int descriptor);  ///< a copy that place_descriptors() does not get in the way of
  void place_descriptors();
  void limit(__rlimit_resource_t resource, rlim_t most, const char* step);
  /// When memory runs out, guests end before anything of the host does.
  static void end_early();
  void renounce_new_privileges();
  /// Tells the parent that the child waits for it now.
  void report_waiting();
  [[noreturn]] void execute(char* const* argv);

 private:
  const ChildOutfit& outfit_;
  int report_;
};

/// The parent's side of the pipe: nothing when the program runs, or the step that failed. kTimeout: neither by then.
Result<> await_exec(int report, const std::string& program, Deadline deadline);
/// The same until report_waiting().
Result<> await_waiting(int report, const std::string& program, Deadline deadline);

/// For execve(). The texts outlive what is returned, which ends with a null.
[[nodiscard]] std::vector<char*> pointers_to(const std::vector<std::string>& argv);

/// For a child that executes nothing. What hostd has open is none of its: a socket that it kept would hide the end of
/// hostd from others.
void close_all_but(const std::vector<int>& sorted);

/// Both ends close at execve().
struct ChildPipe {
  Fd read_end;
  Fd write_end;
  static Result<ChildPipe> make();
};

}  // namespace enforcer::host
