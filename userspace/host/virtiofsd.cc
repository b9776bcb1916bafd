// Who does what: hostd clones the mount, since only in its own mount namespace it may; the child makes the mount
// namespace while it is still root, then the user namespace; hostd writes the maps, which a process may not do for
// itself; the child takes root of that namespace and executes virtiofsd, whose own mount namespace then belongs to the
// lesser user namespace, so that not even it could make the folder writable again.
#include "host/virtiofsd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "host/child_steps.h"
#include "host/microvm.h"
#include "host/process.h"
#include "host/unix_socket.h"

namespace enforcer::host {
namespace {

constexpr std::string_view kSocketName = "workspace.sock";
constexpr int kListenDescriptor = 3;
/// Any folder that is always there and that everybody may enter: the child covers it for itself.
constexpr const char* kSharedAt = "/run";
/// One for each file that the guest's kernel remembers, so a large tree needs many; each pins about 2 KiB of kernel
/// memory, which the guest's cgroup bounds.
constexpr rlim_t kMaxOpenFiles = 262'144;
constexpr ChildTitle kVirtiofsd{.name = "virtiofsd"};

/// The folder as a mount of its own that is nowhere yet. Flags are only added: a file system that is read-only on the
/// host stays so. Without what is mounted below it.
Result<Fd> clone_mount(int folder, hostproto::Workspace::Access access) {
  Fd tree(::open_tree(folder, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!tree.valid()) return fail_errno("cannot clone the workspace's mount");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (access == hostproto::Workspace::Access::kReadOnly) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    return fail_errno("cannot restrict the workspace's mount");
  }
  return tree;
}

std::vector<std::string> virtiofsd_command(const VirtiofsdSpec& spec) {
  // No writeback cache: what a command wrote is on the host when it ends. No extended attributes, devices or file
  // capabilities. Attributes are believed for a second, so edits on the host are seen.
  return {spec.program,
          fmt::format("--fd={}", kListenDescriptor),
          "-f",
          "-o",
          fmt::format("source={}", kSharedAt),
          "-o",
          "sandbox=namespace",
          "-o",
          "cache=auto",
          "-o",
          "no_writeback,no_xattr",
          "-o",
          "modcaps=-mknod:-setfcap",
          "-o",
          "log_level=warn",
          "--rlimit-nofile=0"};
}

/// What happens between clone and execve: system calls only, nothing that allocates or locks.
class VirtiofsdChild {
 public:
  /// `others`: our parent's ends of the pipes. A copy of them here would hide its end from us.
  VirtiofsdChild(const ChildOutfit& outfit, int tree, int go, char* const* argv, int report, std::array<int, 2> others)
      : tree_(tree), go_(go), argv_(argv), others_(others), steps_(outfit, report) {}

  [[noreturn]] void run() {
    for (const int other : others_) close(other);
    steps_.start_afresh();
    steps_.join_cgroups();
    tree_ = steps_.lift(tree_);
    go_ = steps_.lift(go_);
    steps_.place_descriptors();
    arrange_mounts();
    steps_.limit(RLIMIT_CORE, 0, "limiting core files");
    limit_open_files();
    ChildSteps::end_early();
    become_root_of_little();
    // As the server it will be: its own words for this would come when QEMU waits for it already.
    steps_.require(open(kSharedAt, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kOpening);
    steps_.execute(argv_);
  }

  static constexpr const char* kOpening = "opening the workspace without the other groups of its owner";

 private:
  void arrange_mounts() {
    // What the host mounts and unmounts is followed, so that nothing of it is kept busy; nothing goes the other way.
    steps_.require(mount("", "/", nullptr, MS_REC | MS_SLAVE, nullptr), "making mounts its own");
    // Of its own pid namespace. A new one also because virtiofsd mounts another, which the kernel refuses where parts
    // of /proc are covered, as service managers do it.
    steps_.require(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr), "mounting /proc");
    steps_.require(move_mount(tree_, "", AT_FDCWD, kSharedAt, MOVE_MOUNT_F_EMPTY_PATH), "mounting the workspace");
  }

  void limit_open_files() {
    rlimit now{};
    steps_.require(getrlimit(RLIMIT_NOFILE, &now), "limiting open files");
    steps_.limit(RLIMIT_NOFILE, now.rlim_max < kMaxOpenFiles ? now.rlim_max : kMaxOpenFiles, "limiting open files");
  }

  void become_root_of_little() {
    steps_.require(setgroups(0, nullptr), "dropping groups");
    steps_.require(unshare(CLONE_NEWUSER), "making its user namespace");
    steps_.report_waiting();
    char go = 0;
    if (read(go_, &go, 1) != 1) steps_.stop("waiting for its user namespace");
    steps_.require(setresgid(0, 0, 0), "changing the group");
    steps_.require(setresuid(0, 0, 0), "changing the user");
    steps_.renounce_new_privileges();
  }

  int tree_;
  int go_;
  char* const* argv_;
  std::array<int, 2> others_;
  ChildSteps steps_;
};

Result<> write_map(pid_t pid, std::string_view name, const std::string& text) {
  const std::string path = fmt::format("/proc/{}/{}", pid, name);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno(fmt::format("cannot write {}", path));
  }
  return {};
}

std::string map_of(uid_t root, std::uint32_t owner) {
  return owner == 0 ? "0 0 1\n" : fmt::format("0 {0} 1\n{1} {1} 1\n", root, owner);
}

Result<> write_maps(pid_t pid, const VirtiofsdSpec& spec) {
  const uid_t root = kGuestUidBase + static_cast<uid_t>(spec.slot);
  TRY_VOID(write_map(pid, "setgroups", "deny"));
  TRY_VOID(write_map(pid, "gid_map", map_of(root, spec.owner.gid)));
  return write_map(pid, "uid_map", map_of(root, spec.owner.uid));
}

Result<pid_t> spawn_virtiofsd(const VirtiofsdSpec& spec, int listening, int standard_error, Deadline deadline) {
  const Fd tree = TRY(clone_mount(spec.folder, spec.access));
  const std::vector<std::string> command = virtiofsd_command(spec);
  const std::vector<char*> argv = pointers_to(command);
  const ChildOutfit outfit{
      .descriptors = {listening}, .standard_error = standard_error, .cgroups = spec.cgroups};  // kListenDescriptor
  ChildPipe report = TRY(ChildPipe::make());
  ChildPipe go = TRY(ChildPipe::make());
  VirtiofsdChild child(outfit, tree.get(), go.read_end.get(), argv.data(), report.write_end.get(),
                       {go.write_end.get(), report.read_end.get()});
  const auto pid = static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) return fail_errno("clone");
  if (pid == 0) child.run();
  report.write_end.reset();
  go.read_end.reset();
  Result<> executed = await_waiting(report.read_end.get(), spec.program, deadline);
  if (executed) executed = write_maps(pid, spec);
  if (executed && ::write(go.write_end.get(), "1", 1) != 1) executed = fail_errno("starting virtiofsd");
  if (executed) executed = await_exec(report.read_end.get(), spec.program, deadline);
  if (executed) return pid;
  kill_child(pid);
  return std::unexpected(executed.error());
}

}  // namespace

Result<std::pair<Virtiofsd, Fd>> Virtiofsd::start(const VirtiofsdSpec& spec, Deadline deadline) {
  if (::access(spec.program.c_str(), X_OK) != 0) {
    return fail(Errc::kUnavailable, fmt::format("{}: {}; install it with 'apt-get install qemu-system-common'",
                                                spec.program, std::strerror(errno)));
  }
  TRY_VOID(prepare_run_dir(spec.run_dir));
  const Fd listening = TRY(listen_in(spec.run_dir, kSocketName));
  auto connection = connect_in(spec.run_dir, kSocketName);
  ::unlink(fmt::format("{}/{}", spec.run_dir, kSocketName).c_str());
  if (!connection) return std::unexpected(connection.error());
  ChildPipe errors = TRY(make_error_pipe());
  const pid_t pid = TRY(spawn_virtiofsd(spec, listening.get(), errors.write_end.get(), deadline));
  auto process = TRY(ChildProcess::hold(pid, kVirtiofsd, std::move(errors.read_end)));
  return std::pair(Virtiofsd(std::move(process)), *std::move(connection));
}

Result<Virtiofsd> Virtiofsd::adopt(pid_t pid, std::uint64_t start_time) {
  return Virtiofsd(TRY(ChildProcess::adopt(pid, start_time, kVirtiofsd)));
}

}  // namespace enforcer::host
