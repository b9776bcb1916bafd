// What the server of a workspace can reach, by what the kernel says of its processes. What a guest sees through it:
// tests/vm/test_workspace.py. Needs root and virtiofsd.
#include "host/virtiofsd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include "../temporary_folder.h"
#include "host/microvm.h"
#include "host/process.h"

namespace enforcer::host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Account kOwner{54321, 54322};
constexpr std::uint32_t kSlot = 90'001;
constexpr std::chrono::seconds kStartTime{20};

std::string proc_text(pid_t pid, const char* file) {
  std::ostringstream text;
  text << std::ifstream(fmt::format("/proc/{}/{}", pid, file)).rdbuf();
  return text.str();
}

std::string proc_status(pid_t pid, const std::string& key) {
  std::istringstream text(proc_text(pid, "status"));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "absent";
}

std::string proc_link(pid_t pid, const std::string& name) {
  std::error_code error;
  return fs::read_symlink(fmt::format("/proc/{}/{}", pid, name), error);
}

/// Its worker: virtiofsd's second process, once it serves under its seccomp filter; 0: it never did.
pid_t worker_of(pid_t parent) {
  for (int i = 0; i < 500; ++i) {
    pid_t child = 0;
    std::istringstream(proc_text(parent, fmt::format("task/{}/children", parent).c_str())) >> child;
    if (child > 0 && proc_status(child, "Seccomp") == "2") return child;
    std::this_thread::sleep_for(10ms);
  }
  return 0;
}

struct Share {
  Share() {
    REQUIRE(::chmod(root.c_str(), 0755) == 0);
    REQUIRE(::mkdir((root + "/work").c_str(), 0700) == 0);
    REQUIRE(::chown((root + "/work").c_str(), kOwner.uid, kOwner.gid) == 0);
  }

  [[nodiscard]] Result<std::pair<Virtiofsd, Fd>> start(hostproto::Workspace::Access access,
                                                       Account owner = kOwner) const {
    const auto folder = TRY(open_workspace({root + "/work", access}, owner, {root}));
    return Virtiofsd::start({.slot = Slot{kSlot},
                             .owner = owner,
                             .access = access,
                             .folder = folder.get(),
                             .run_dir = root + "/run",
                             .cgroups = {}},
                            Deadline::after(kStartTime));
  }

  TemporaryFolder own;
  std::string root = own.path();
};

/// The kernel makes none in a chroot (unshare(2), EPERM).
bool user_namespaces_can_be_made() {
  const pid_t child = ::fork();
  if (child == 0) _exit(::unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = -1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

bool can_serve() {
  if (::geteuid() != 0 || ::access("/usr/lib/qemu/virtiofsd", X_OK) != 0) {
    fmt::print("SKIP: needs root and virtiofsd (qemu-system-common)\n");
    return false;
  }
  if (user_namespaces_can_be_made()) return true;
  fmt::print("SKIP: no user namespace can be made here, as in a chroot\n");
  return false;
}

TEST_CASE("server_of_a_workspace_sees_one_mount_and_is_two_users") {
  if (!can_serve()) return;
  const Share share;
  auto started = share.start(hostproto::Workspace::Access::kReadWrite);
  REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
  auto& [server, connection] = *started;
  const pid_t worker = worker_of(server.pid());
  REQUIRE(worker > 0);
  const auto uid = std::to_string(kGuestUidBase + kSlot);
  for (const pid_t pid : {server.pid(), worker}) {
    CHECK(proc_status(pid, "Uid") == fmt::format("{0}\t{0}\t{0}\t{0}", uid));
    CHECK(proc_status(pid, "Gid") == fmt::format("{0}\t{0}\t{0}\t{0}", uid));
    CHECK(proc_status(pid, "Groups").find_first_not_of(' ') == std::string::npos);
    CHECK(proc_status(pid, "NoNewPrivs") == "1");
    std::istringstream map(proc_text(pid, "uid_map"));
    const std::vector<std::string> words(std::istream_iterator<std::string>(map), {});
    CHECK(words == std::vector<std::string>{"0", uid, "1", "54321", "54321", "1"});
    std::istringstream group_map(proc_text(pid, "gid_map"));
    const std::vector<std::string> groups(std::istream_iterator<std::string>(group_map), {});
    CHECK(groups == std::vector<std::string>{"0", uid, "1", "54322", "54322", "1"});
    CHECK(proc_text(pid, "setgroups") == "deny\n");
    for (const char* name : {"user", "mnt", "pid", "net"}) {
      CAPTURE(name);
      CHECK(proc_link(pid, fmt::format("ns/{}", name)) != proc_link(::getpid(), fmt::format("ns/{}", name)));
    }
    // The whole file system: the folder.
    std::istringstream mounts(proc_text(pid, "mountinfo"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(mounts, line);) lines.push_back(line);
    REQUIRE(lines.size() == 1);
    CHECK(lines.front().contains("/work / rw,nosuid,nodev"));
  }
  CHECK(proc_status(worker, "CapEff") == "00000000000000db");  // chown, dac_override, fowner, fsetid, setgid, setuid
  // Nothing of ours is open in it.
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", worker))) {
    const std::string target = fs::read_symlink(entry.path());
    const bool expected = target == "/dev/null" || target.starts_with("pipe:") || target.starts_with("socket:") ||
                          target.starts_with("anon_inode:") || target == "/" || target.ends_with("/task");
    CHECK_MESSAGE(expected, target);
  }
  CHECK(fs::is_empty(share.root + "/run"));  // the socket has no name any more
  CHECK_FALSE(server.ending());

  CHECK(Virtiofsd::adopt(server.pid(), server.start_time()));
  CHECK_FALSE(Virtiofsd::adopt(server.pid(), server.start_time() + 1));
  REQUIRE(server.end());
  CHECK(server.ending());
  CHECK(::kill(worker, 0) != 0);
  CHECK_FALSE(Virtiofsd::adopt(server.pid(), server.start_time()));
}

TEST_CASE("read_only_workspace_is_a_read_only_mount") {
  if (!can_serve()) return;
  const Share share;
  auto started = share.start(hostproto::Workspace::Access::kReadOnly);
  REQUIRE(started);
  const pid_t worker = worker_of(started->first.pid());
  REQUIRE(worker > 0);
  CHECK(proc_text(worker, "mountinfo").contains("/work / ro,nosuid,nodev"));
  // Through its root, as root of the host: what holds is the mount.
  const std::string file = fmt::format("/proc/{}/root/file", worker);
  CHECK((::open(file.c_str(), O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS));
  CHECK(started->first.end());
}

TEST_CASE("root_shares_as_root_and_as_nobody_else") {
  if (!can_serve()) return;
  const Share share;
  REQUIRE(::chown((share.root + "/work").c_str(), 0, 0) == 0);
  auto started = share.start(hostproto::Workspace::Access::kReadWrite, {0, 0});
  REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
  const pid_t worker = worker_of(started->first.pid());
  REQUIRE(worker > 0);
  std::istringstream map(proc_text(worker, "uid_map"));
  CHECK(std::vector<std::string>(std::istream_iterator<std::string>(map), {}) ==
        std::vector<std::string>{"0", "0", "1"});
  CHECK(proc_link(worker, "ns/user") != proc_link(::getpid(), "ns/user"));
  CHECK(started->first.end());
}

TEST_CASE("server_ends_when_its_guest_does") {
  if (!can_serve()) return;
  const Share share;
  auto started = share.start(hostproto::Workspace::Access::kReadWrite);
  REQUIRE(started);
  REQUIRE(worker_of(started->first.pid()) > 0);
  started->second.reset();  // QEMU's end
  std::optional<std::string> ending;
  for (int i = 0; i < 500 && !ending; ++i) {
    ending = started->first.ending();
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE(ending);
  CHECK(ending->contains("virtiofsd ended"));
}

TEST_CASE("child_whose_hostd_dies_before_it_has_its_users_ends") {
  if (!can_serve()) return;
  const Share share;
  // What the child takes for its cgroup is a pipe that is full: it stands still after clone and before its user
  // namespace, for as long as nobody reads.
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const Fd drain(pipe[0]), full(pipe[1]);
  REQUIRE(::fcntl(full.get(), F_SETFL, O_NONBLOCK) == 0);
  const std::string filling(4096, 'x');
  while (::write(full.get(), filling.data(), filling.size()) > 0) {
  }
  REQUIRE(::fcntl(full.get(), F_SETFL, 0) == 0);
  const pid_t hostd = ::fork();
  if (hostd == 0) {
    const auto folder =
        open_workspace({share.root + "/work", hostproto::Workspace::Access::kReadOnly}, kOwner, {share.root});
    if (!folder) _exit(2);
    (void)Virtiofsd::start({.slot = Slot{kSlot},
                            .owner = kOwner,
                            .access = hostproto::Workspace::Access::kReadOnly,
                            .folder = folder->get(),
                            .run_dir = share.root + "/run",
                            .cgroups = {full.get()}},
                           Deadline::after(kStartTime));
    _exit(3);
  }
  REQUIRE(hostd > 0);
  pid_t child = 0;
  for (int i = 0; i < 500 && child == 0; ++i) {
    std::istringstream(proc_text(hostd, fmt::format("task/{}/children", hostd).c_str())) >> child;
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE(child > 0);
  const auto held = open_pidfd(child);
  REQUIRE(held);
  CHECK_FALSE(is_readable(held->get(), 200ms));  // it waits
  ::kill(hostd, SIGKILL);
  REQUIRE(::waitpid(hostd, nullptr, 0) == hostd);
  CHECK_FALSE(is_readable(held->get(), 200ms));
  std::string read(1 << 20, '\0');
  REQUIRE(::read(drain.get(), read.data(), read.size()) > 0);
  const bool ended = is_readable(held->get(), 10s);
  CHECK(ended);
  if (!ended) ::kill(child, SIGKILL);
}

TEST_CASE("server_that_cannot_be_started_leaves_nothing") {
  if (!can_serve()) return;
  const Share share;
  const auto folder =
      open_workspace({share.root + "/work", hostproto::Workspace::Access::kReadOnly}, kOwner, {share.root});
  REQUIRE(folder);
  VirtiofsdSpec spec{.slot = Slot{kSlot},
                     .owner = kOwner,
                     .access = hostproto::Workspace::Access::kReadOnly,
                     .folder = folder->get(),
                     .run_dir = share.root + "/run",
                     .cgroups = {}};
  const std::string children = fmt::format("task/{}/children", ::getpid());
  const std::string before = proc_text(::getpid(), children.c_str());
  spec.program = "/nonexistent/virtiofsd";
  const auto missing = Virtiofsd::start(spec, Deadline::after(kStartTime));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kUnavailable);
  CHECK(missing.error().message.contains("apt-get install qemu-system-common"));

  spec.program = "/usr/lib/qemu/virtiofsd";
  REQUIRE(::chown((share.root + "/work").c_str(), 0, kOwner.gid) == 0);  // reachable by neither of its two users
  REQUIRE(::chmod((share.root + "/work").c_str(), 0700) == 0);
  const auto closed = Virtiofsd::start(spec, Deadline::after(kStartTime));
  REQUIRE_FALSE(closed);
  CHECK(closed.error().message.contains("opening the workspace"));
  CHECK(closed.error().message.contains("Permission denied"));
  CHECK(fs::is_empty(share.root + "/run"));
  CHECK(proc_text(::getpid(), children.c_str()) == before);
}

TEST_CASE("server_of_a_folder_that_does_not_answer_is_not_waited_for_beyond_its_deadline") {
  if (!can_serve()) return;
  const Share share;
  const std::string hangs = share.root + "/work";
  Fd fuse(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const std::string options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", fuse.get());
  if (!fuse.valid() || ::mount("silent", hangs.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    fmt::print("SKIP: no FUSE here\n");
    return;
  }
  const Fd folder(::open(hangs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  CHECK(folder.valid());
  const VirtiofsdSpec spec{.slot = Slot{kSlot},
                           .owner = kOwner,
                           .access = hostproto::Workspace::Access::kReadOnly,
                           .folder = folder.get(),
                           .run_dir = share.root + "/run",
                           .cgroups = {}};
  const auto began = Monotonic::now();
  const auto refused = Virtiofsd::start(spec, Deadline::after(300ms));
  const auto took = Monotonic::now() - began;
  fuse.reset();
  ::umount2(hangs.c_str(), MNT_DETACH);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kTimeout);
  CHECK((took >= 300ms && took < 6s));
}

}  // namespace
}  // namespace enforcer::host
