// Order matters in the child: everything that needs root (namespace, limits, bounding set) comes before the uid is
// given up, and no_new_privs comes last.
#include "host/confined_process.h"

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/fd.h"
#include "host/process.h"

namespace enforcer::host {
namespace {

constexpr std::chrono::seconds kExecTime{10};
constexpr int kLastCapability = 63;

/// What happens between fork and execve: system calls only, nothing that allocates or locks.
class ConfinedChild {
 public:
  ConfinedChild(const Confinement& confinement, char* const* argv, int report)
      : confinement_(confinement), argv_(argv), steps_(confinement.outfit, report) {}

  [[noreturn]] void run() {
    steps_.start_afresh();
    steps_.join_cgroups();
    const int netns = steps_.lift(confinement_.netns);
    steps_.place_descriptors();
    steps_.require(setns(netns, CLONE_NEWNET), "entering the guest's network namespace");
    limit_resources();
    give_up_privileges();
    steps_.execute(argv_);
  }

 private:
  /// No core file (it would hold the guest's memory), no file written beyond its disk and its memory, threads bounded.
  void limit_resources() {
    steps_.limit(RLIMIT_CORE, 0, "limiting core files");
    steps_.limit(RLIMIT_FSIZE, confinement_.file_bytes, "limiting files");
    steps_.limit(RLIMIT_NPROC, kMaxQemuThreads, "limiting threads");
    ChildSteps::end_early();
  }

  void give_up_privileges() {
    for (int capability = 0; capability <= kLastCapability; ++capability)
      if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EINVAL) steps_.stop("dropping capabilities");
    steps_.require(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "dropping capabilities");
    steps_.require(setgroups(0, nullptr), "dropping groups");
    steps_.require(setresgid(confinement_.gid, confinement_.gid, confinement_.gid), "changing the group");
    steps_.require(setresuid(confinement_.uid, confinement_.uid, confinement_.uid), "changing the user");
    steps_.renounce_new_privileges();
  }

  const Confinement& confinement_;
  char* const* argv_;
  ChildSteps steps_;
};

}  // namespace

Result<pid_t> spawn_confined(const std::vector<std::string>& argv, const Confinement& confinement) {
  ENFORCER_CHECK(confinement.uid != 0 && confinement.gid != 0);
  const std::vector<char*> arguments = pointers_to(argv);
  ChildPipe report = TRY(ChildPipe::make());
  ConfinedChild child(confinement, arguments.data(), report.write_end.get());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) child.run();
  report.write_end.reset();
  const auto executed = await_exec(report.read_end.get(), argv.front(), Deadline::after(kExecTime));
  if (!executed) {
    kill_child(pid);
    return std::unexpected(executed.error());
  }
  return pid;
}

}  // namespace enforcer::host
