// A look at a folder that is bounded in time. Needs root; the file system that never answers is FUSE without a server.
#include "host/workspace_child.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "../temporary_folder.h"

namespace enforcer::host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using enum hostproto::Workspace::Access;

constexpr Account kKim{54321, 54322};

struct KimsHome {
  KimsHome() {
    REQUIRE(::chmod(root.c_str(), 0755) == 0);
    for (const char* folder : {"/kim", "/kim/hangs"}) {
      REQUIRE(::mkdir((root + folder).c_str(), 0700) == 0);
      REQUIRE(::chown((root + folder).c_str(), kKim.uid, kKim.gid) == 0);
    }
  }
  [[nodiscard]] Result<Fd> open(const std::string& path, std::chrono::milliseconds most = 20s) const {
    return open_workspace_in_time({root + path, kReadWrite}, kKim, {root}, Deadline::after(most));
  }
  TemporaryFolder own;
  std::string root = own.path();
};

bool root_looks() {
  if (::geteuid() == 0) return true;
  fmt::print("SKIP: needs root, which acts as whoever asks for a workspace\n");
  return false;
}

std::string children() {
  std::ostringstream text;
  text << std::ifstream(fmt::format("/proc/self/task/{}/children", ::getpid())).rdbuf();
  return text.str();
}

TEST_CASE("a_look_by_another_process_finds_and_refuses_what_our_own_would") {
  if (!root_looks()) return;
  const KimsHome home;
  const auto folder = home.open("/kim");
  REQUIRE_MESSAGE(folder, (folder ? "" : folder.error().message));
  struct stat by_descriptor{}, by_path{};
  REQUIRE(::fstat(folder->get(), &by_descriptor) == 0);
  REQUIRE(::stat((home.root + "/kim").c_str(), &by_path) == 0);
  CHECK((by_descriptor.st_ino == by_path.st_ino && by_descriptor.st_dev == by_path.st_dev));
  CHECK((::fcntl(folder->get(), F_GETFL) & O_PATH) != 0);
  CHECK((::fcntl(folder->get(), F_GETFD) & FD_CLOEXEC) != 0);
  fs::create_symlink("kim", home.root + "/link");
  for (const char* path : {"/missing", "/link", "", "/kim/../kim"}) {
    CAPTURE(path);
    const auto refused = home.open(path);
    const auto own = open_workspace({home.root + path, kReadWrite}, kKim, {home.root});
    REQUIRE_FALSE(refused);
    REQUIRE_FALSE(own);
    CHECK(refused.error().code == own.error().code);
    CHECK(refused.error().message == own.error().message);
  }
  CHECK(children().empty());
}

TEST_CASE("file_system_that_does_not_answer_is_not_waited_for") {
  if (!root_looks()) return;
  const KimsHome home;
  const std::string hangs = home.root + "/kim/hangs";
  Fd server(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const std::string options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", server.get());
  if (!server.valid() || ::mount("silent", hangs.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    fmt::print("SKIP: no FUSE here\n");
    return;
  }
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);  // so that the process that looks becomes ours
  const auto began = std::chrono::steady_clock::now();
  const auto refused = home.open("/kim/hangs/deep", 300ms);
  const auto took = std::chrono::steady_clock::now() - began;
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  CHECK(home.open("/kim"));  // the control: others are answered meanwhile
  const pid_t looks = std::atoi(children().c_str());
  CHECK(looks > 0);
  CHECK(::waitpid(looks, nullptr, WNOHANG) == 0);  // it hangs still
  int status = 0;
  for (int i = 0; i < 100 && ::waitpid(looks, &status, WNOHANG) == 0; ++i) std::this_thread::sleep_for(100ms);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM));
  CHECK(children().empty());
  server.reset();  // whoever waits gets an error
  ::umount2(hangs.c_str(), MNT_DETACH);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kTimeout);
  CHECK(refused.error().message == "workspace " + hangs + "/deep: its file system does not answer");
  CHECK((took >= 300ms && took < 10s));
}

}  // namespace
}  // namespace enforcer::host
