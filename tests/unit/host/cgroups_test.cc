// Limits of guests: found in the kernel's texts, and set in this machine's own tree where it has one that we may use.
#include "host/cgroups.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "../temporary_folder.h"
#include "host/confined_process.h"

namespace enforcer::host {
namespace {

std::string text_in(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

constexpr std::string_view kOld =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST_CASE("own_cgroups_of_version_1_are_found_through_their_mounts") {
  const auto places = CgroupPlaces::from("x", kOld,
                                         "8:pids:/\n4:memory:/docker/abc/job\n2:cpu,cpuacct:/batch\n"
                                         "9:name=systemd:/memory\n0::/x\n");
  CHECK(places.parents() == std::vector<std::string>{"/sys/fs/cgroup/memory/job", "/sys/fs/cgroup/pids",
                                                     "/sys/fs/cgroup/cpu,cpuacct/batch"});
  CHECK(places.missing().empty());
}

TEST_CASE("controllers_of_one_mount_are_one_folder") {
  const auto places =
      CgroupPlaces::from("x", "32 31 0:29 / /cg rw - cgroup cgroup rw,cpu,memory,pids\n", "2:cpu,memory,pids:/a\n");
  CHECK(places.parents() == std::vector<std::string>{"/cg/a"});
  CHECK(places.missing().empty());
}

TEST_CASE("cgroup_that_is_not_in_what_is_mounted_is_said_to_be_missing") {
  // A path that only begins like the mounted part, a part that is elsewhere, no mount, no line, nothing at all.
  CHECK(CgroupPlaces::from("x", kOld, "8:pids:/a\n4:memory:/docker/abcd\n2:cpu,cpuacct:/\n").missing() == "memory");
  CHECK(CgroupPlaces::from("x", kOld, "8:pids:/a\n4:memory:/\n2:cpuacct:/\n").missing() == "memory, processor time");
  for (const char* broken : {"", "\n\n", "::", "1 2 3", " - cgroup", "a b c d e f - cgroup2"}) {
    const auto places = CgroupPlaces::from("x", broken, broken);
    CHECK(places.parents().empty());
    CHECK(places.missing() == "memory, tasks, processor time");
  }
}

TEST_CASE("limits_are_the_guests_own_share_and_what_running_it_takes") {
  const auto tcg = GuestLimits::of(512, 2, Accelerator::kTcg, 0);
  CHECK(tcg.memory_bytes == std::uint64_t{512 + 192 + 256} << 20);
  CHECK((tcg.tasks == 256 && tcg.cpus == 3));
  const auto kvm = GuestLimits::of(65536, 64, Accelerator::kKvm, 4);
  CHECK(kvm.memory_bytes == std::uint64_t{65536 + 192 + 4 * 192} << 20);
  CHECK((kvm.tasks == 256 + 4 * 32 && kvm.cpus == 65));
}

TEST_CASE("guest_without_cgroups_is_limited_by_none_and_leaves_none") {
  const GuestCgroups none;
  CHECK(none.entrances()->empty());
  CHECK(none.set({1, 1, 1}));
  CHECK(none.remove());
}

/// Version 1 only: in version 2 this would move the test's own process.
std::optional<CgroupPlaces> usable() {
  const auto places = CgroupPlaces::from("unit" + std::to_string(::getpid()), text_in("/proc/self/mountinfo"),
                                         text_in("/proc/self/cgroup"));
  if (::geteuid() == 0 && !places.parents().empty()) return places;
  fmt::print("SKIP: needs root and cgroups of version 1\n");
  return std::nullopt;
}

TEST_CASE("processes_of_a_guest_are_in_its_cgroups_from_their_start") {
  const auto places = usable();
  if (!places) return;
  const auto made = places->make(Slot{7}, {.memory_bytes = 64 << 20, .tasks = 5, .cpus = 2});
  REQUIRE(made.complaint == "");
  const GuestCgroups* cgroups = &made.cgroups;
  for (const std::string& folder : cgroups->folders()) {
    const auto is = [&](const char* file, const char* value) {
      if (std::filesystem::exists(folder + file)) CHECK(text_in(folder + file) == value);
    };
    is("/memory.limit_in_bytes", "67108864\n");
    is("/pids.max", "5\n");
    is("/cpu.cfs_quota_us", "200000\n");
    is("/cpu.cfs_period_us", "100000\n");
  }
  const auto entrances = cgroups->entrances();
  REQUIRE(entrances);
  std::vector<int> descriptors;
  for (const Fd& entrance : *entrances) descriptors.push_back(entrance.get());
  const Fd netns(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  const auto pid = spawn_confined({"/bin/sleep", "100"}, {.uid = 2'999'999,
                                                          .gid = 2'999'999,
                                                          .netns = netns.get(),
                                                          .outfit = {.standard_error = 2, .cgroups = descriptors}});
  REQUIRE(pid);
  for (const std::string& folder : cgroups->folders())
    CHECK(text_in(folder + "/cgroup.procs") == fmt::format("{}\n", *pid));
  CHECK_FALSE(cgroups->remove());  // somebody is in there

  places->remove_unknown({Slot{7}});
  CHECK(::kill(*pid, 0) == 0);  // known: nothing happens to it
  places->remove_unknown({Slot{8}});
  int status = 0;
  REQUIRE(::waitpid(*pid, &status, 0) == *pid);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
  places->remove_unknown({});
  for (const std::string& folder : cgroups->folders()) CHECK_FALSE(std::filesystem::exists(folder));
  CHECK(cgroups->remove());  // gone already is gone
}

TEST_CASE("cgroup_that_cannot_be_made_is_a_complaint_and_the_others_are_made") {
  const TemporaryFolder folder;
  const std::string& root = folder.path();
  std::filesystem::create_directories(root + "/pids");
  const auto places = CgroupPlaces::from("x",
                                         fmt::format("1 1 0:1 / {0}/missing rw - cgroup cgroup rw,memory\n"
                                                     "2 1 0:2 / {0}/pids rw - cgroup cgroup rw,pids\n",
                                                     root),
                                         "1:memory:/\n2:pids:/\n");
  const auto made = places.make(Slot{1}, {1, 1, 1});
  CHECK(made.cgroups.folders() == std::vector<std::string>{root + "/pids/enforcer-x-1"});
  CHECK(made.complaint.starts_with("cannot make " + root + "/missing/enforcer-x-1"));
  CHECK(made.cgroups.remove());
}

TEST_CASE("limit_of_tasks_holds") {
  const auto places = usable();
  if (!places) return;
  const auto made = places->make(Slot{9}, {.memory_bytes = 64 << 20, .tasks = 3, .cpus = 1});
  const GuestCgroups* cgroups = &made.cgroups;
  // Not fork(): ThreadSanitizer gives each child of that a thread of its own, which the limit counts, too.
  const auto plain_fork = [] { return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); };
  const auto entrances = cgroups->entrances();
  REQUIRE(entrances);
  const pid_t child = plain_fork();
  if (child == 0) {
    for (const Fd& entrance : *entrances) (void)!::write(entrance.get(), "0", 1);
    int forked = 0;
    while (forked < 10 && plain_fork() > 0) ++forked;  // a child of this leaves with 0 at once, and stays a zombie
    ::_exit(forked);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (std::filesystem::exists("/sys/fs/cgroup/pids")) CHECK(WEXITSTATUS(status) == 2);
  for (int i = 0; i < 100 && !cgroups->remove(); ++i) ::usleep(20'000);
  CHECK(cgroups->remove());
}

}  // namespace
}  // namespace enforcer::host
