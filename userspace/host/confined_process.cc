// Order matters in the child: everything that needs root (namespace, limits, bounding set) comes before the uid is
// given up, and no_new_privs comes last. Descriptors are first lifted out of the way, then put in place; all others,
// whatever they are, close at execve(). A failed step comes back through a pipe that execve() closes too: end of file
// there means that the program runs.
#include "host/confined_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/deadline.h"
#include "base/fd.h"

namespace enforcer::host {
namespace {

constexpr int kFirstPassed = 3;
constexpr std::size_t kMaxPassed = 16;
constexpr int kHighDescriptor = 256;  // out of the way of those that are put in place
constexpr int kLastCapability = 63;
constexpr rlim_t kMaxThreads = 256;  // QEMU: one per CPU, plus its pool of 64
constexpr std::chrono::seconds kExecTime{10};

struct Failure {
  const char* step;  // a literal: the child is a copy of us, so the pointer means the same in both
  int error;
};

/// What happens between fork and execve: system calls only, nothing that allocates or locks.
class Child {
 public:
  Child(const Confinement& confinement, char* const* argv, int report)
      : confinement_(confinement), argv_(argv), report_(report) {}

  [[noreturn]] void run() {
    start_afresh();
    place_descriptors();
    require(setns(confinement_.netns, CLONE_NEWNET), "entering the guest's network namespace");
    limit_resources();
    give_up_privileges();
    char* const environment[] = {nullptr};
    execve(argv_[0], argv_, environment);
    stop("executing it");
  }

 private:
  [[noreturn]] void stop(const char* step) {
    const Failure failure{step, errno};
    (void)!write(report_, &failure, sizeof failure);
    _exit(127);
  }
  void require(int result, const char* step) {
    if (result < 0) stop(step);
  }

  /// Own session, so that a Ctrl-C meant for our terminal is not the guest's end; no signal blocked or ignored; a
  /// folder that is always there; files, if it ever makes any, for itself only.
  void start_afresh() {
    setsid();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    umask(0077);
    require(chdir("/"), "changing to /");
  }

  int lift(int descriptor) {
    const int high = fcntl(descriptor, F_DUPFD_CLOEXEC, kHighDescriptor);
    require(high, "passing a descriptor");
    return high;
  }

  void place_descriptors() {
    const std::vector<int>& passed = confinement_.descriptors;
    std::array<int, kMaxPassed> high{};
    report_ = lift(report_);
    confinement_.netns = lift(confinement_.netns);
    const int null = lift(open("/dev/null", O_RDWR | O_CLOEXEC));
    const int error = lift(confinement_.standard_error);
    for (std::size_t i = 0; i < passed.size(); ++i) high[i] = lift(passed[i]);
    require(dup2(null, 0), "opening /dev/null");
    require(dup2(null, 1), "opening /dev/null");
    require(dup2(error, 2), "redirecting standard error");
    for (std::size_t i = 0; i < passed.size(); ++i)
      require(dup2(high[i], kFirstPassed + static_cast<int>(i)), "passing a descriptor");
    const unsigned first_unwanted = kFirstPassed + static_cast<unsigned>(passed.size());
    require(close_range(first_unwanted, ~0U, CLOSE_RANGE_CLOEXEC), "closing descriptors");
  }

  /// No core file (it would hold the guest's memory), no file written beyond its disk, threads bounded; and when memory
  /// runs out, guests end before anything of the host does.
  void limit_resources() {
    const rlimit none{0, 0};
    const rlimit written{confinement_.file_bytes, confinement_.file_bytes};
    const rlimit threads{kMaxThreads, kMaxThreads};
    require(setrlimit(RLIMIT_CORE, &none), "limiting core files");
    require(setrlimit(RLIMIT_FSIZE, &written), "limiting files");
    require(setrlimit(RLIMIT_NPROC, &threads), "limiting threads");
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) (void)!write(file, "500", 3);
  }

  void give_up_privileges() {
    for (int capability = 0; capability <= kLastCapability; ++capability)
      if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EINVAL) stop("dropping capabilities");
    require(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "dropping capabilities");
    require(setgroups(0, nullptr), "dropping groups");
    require(setresgid(confinement_.gid, confinement_.gid, confinement_.gid), "changing the group");
    require(setresuid(confinement_.uid, confinement_.uid, confinement_.uid), "changing the user");
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renouncing new privileges");
  }

  Confinement confinement_;
  char* const* argv_;
  int report_;
};

/// Waits until the child has executed the program: nothing, or the step that failed.
Result<> await_exec(int report, const std::string& program) {
  pollfd waiting{report, POLLIN, 0};
  if (::poll(&waiting, 1, static_cast<int>(std::chrono::milliseconds(kExecTime).count())) <= 0)
    return fail(Errc::kTimeout, program + ": could not be executed in time");
  Failure failure{};
  if (::read(report, &failure, sizeof failure) != static_cast<ssize_t>(sizeof failure)) return {};
  return fail(Errc::kIo, fmt::format("{}: {}: {}", program, failure.step, std::strerror(failure.error)));
}

}  // namespace

Result<pid_t> spawn_confined(const std::vector<std::string>& argv, const Confinement& confinement) {
  ENFORCER_CHECK(confinement.uid != 0 && confinement.gid != 0 && confinement.descriptors.size() <= kMaxPassed);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  const Fd report(ends[0]);
  Fd report_child(ends[1]);
  Child child(confinement, arguments.data(), report_child.get());
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) child.run();
  report_child.reset();
  const auto executed = await_exec(report.get(), argv.front());
  if (!executed) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(executed.error());
  }
  return pid;
}

}  // namespace enforcer::host
