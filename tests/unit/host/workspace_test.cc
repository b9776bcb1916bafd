// Who may share what: real folders, as real users. Needs root, which hostd is.
#include "host/workspace.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "../temporary_folder.h"

namespace enforcer::host {
namespace {

namespace fs = std::filesystem;
using enum hostproto::Workspace::Access;

constexpr Account kAlice{54321, 54322};
constexpr Account kBob{54331, 54332};

bool root_can_act() {
  if (::geteuid() == 0) return true;
  fmt::print("SKIP: needs root, which acts as whoever asks for a workspace\n");
  return false;
}

/// <root>/alice, hers and 0700, and beside it things that nobody may share.
struct Homes {
  Homes() {
    REQUIRE(::chmod(root.c_str(), 0755) == 0);
    make("/alice", kAlice, 0700);
    make("/alice/project", kAlice, 0755);
  }

  void make(const std::string& path, const Account& owner, mode_t mode) const {
    REQUIRE(::mkdir((root + path).c_str(), 0700) == 0);
    REQUIRE(::chown((root + path).c_str(), owner.uid, owner.gid) == 0);
    REQUIRE(::chmod((root + path).c_str(), mode) == 0);
  }
  [[nodiscard]] Result<Fd> open(const std::string& path, const Account& owner = kAlice,
                                hostproto::Workspace::Access access = kReadWrite) const {
    return open_workspace({root + path, access}, owner, {"/nowhere", root});
  }
  /// kIo, which none of the refusals is, stands for success.
  [[nodiscard]] Errc refusal(const std::string& path, const Account& owner = kAlice,
                             hostproto::Workspace::Access access = kReadWrite) const {
    const auto opened = open(path, owner, access);
    return opened ? Errc::kIo : opened.error().code;
  }

  TemporaryFolder own;
  std::string root = fs::canonical(own.path());
};

TEST_CASE("owner_shares_a_folder_below_a_root_and_gets_that_very_folder") {
  if (!root_can_act()) return;
  const Homes homes;
  for (const char* path : {"/alice", "/alice/project"}) {
    for (const auto access : {kReadWrite, kReadOnly}) {
      const auto folder = homes.open(path, kAlice, access);
      REQUIRE(folder);
      struct stat by_descriptor{}, by_path{};
      REQUIRE(::fstat(folder->get(), &by_descriptor) == 0);
      REQUIRE(::stat((homes.root + path).c_str(), &by_path) == 0);
      CHECK((by_descriptor.st_ino == by_path.st_ino && by_descriptor.st_dev == by_path.st_dev));
    }
  }
}

TEST_CASE("workspace_lies_below_a_root_by_whole_components") {
  if (!root_can_act()) return;
  const Homes homes;
  CHECK(homes.refusal("") == Errc::kDenied);  // the root itself
  fs::create_directory(homes.root + "-beside");
  const auto beside = open_workspace({homes.root + "-beside", kReadOnly}, {0, 0}, {homes.root});
  fs::remove(homes.root + "-beside");
  REQUIRE_FALSE(beside);
  CHECK(beside.error().code == Errc::kDenied);
  CHECK(beside.error().message.contains(homes.root + "-beside"));
  CHECK(beside.error().message.contains("[" + homes.root + "]"));
  for (const char* path : {"/etc", "/", "/proc/self/root/etc"}) {
    CHECK_FALSE(open_workspace({path, kReadOnly}, {0, 0}, {homes.root}));
  }
  CHECK(open_workspace({homes.root + "/alice/project", kReadOnly}, kAlice, {}).error().code == Errc::kDenied);
}

TEST_CASE("no_path_that_can_mean_two_places_is_taken") {
  if (!root_can_act()) return;
  const Homes homes;
  fs::create_symlink("/etc", homes.root + "/alice/etc");
  fs::create_symlink("project", homes.root + "/alice/here");
  REQUIRE(::mkdir((homes.root + "/alice/project/deep").c_str(), 0777) == 0);
  for (const char* path : {"/alice/etc", "/alice/etc/ssl", "/alice/here", "/alice/here/deep"}) {
    CAPTURE(path);
    CHECK(homes.refusal(path, kAlice, kReadOnly) == Errc::kInvalid);
  }
  for (const char* path :
       {"/alice/../alice/project", "/alice/./project", "/alice//project", "/alice/project/", "/.."}) {
    CAPTURE(path);
    CHECK(homes.refusal(path, kAlice, kReadOnly) == Errc::kInvalid);
  }
  CHECK(homes.refusal("/alice/project/deep", kAlice, kReadOnly) == Errc::kIo);  // the control
}

TEST_CASE("workspace_is_a_folder_that_exists") {
  if (!root_can_act()) return;
  const Homes homes;
  std::ofstream(homes.root + "/alice/project/file") << "x";
  CHECK(homes.refusal("/alice/project/file") == Errc::kInvalid);
  CHECK(homes.refusal("/alice/project/file/below") == Errc::kInvalid);
  CHECK(homes.refusal("/alice/missing") == Errc::kNotFound);
}

TEST_CASE("owner_shares_only_what_they_reach_and_may_use") {
  if (!root_can_act()) return;
  const Homes homes;
  homes.make("/public", kAlice, 0755);
  homes.make("/team", {0, kBob.gid}, 0770);
  homes.make("/unreadable", kAlice, 0300);
  CHECK(homes.refusal("/alice/project", kBob, kReadOnly) == Errc::kDenied);  // alice's home is closed
  CHECK(homes.refusal("/public", kBob, kReadOnly) == Errc::kIo);
  CHECK(homes.refusal("/public", kBob, kReadWrite) == Errc::kDenied);
  CHECK(homes.open("/public", kBob).error().message.contains(":ro"));
  CHECK(homes.refusal("/team", kBob, kReadWrite) == Errc::kIo);  // by the primary group
  CHECK(homes.refusal("/team", kAlice, kReadOnly) == Errc::kDenied);
  CHECK(homes.refusal("/unreadable", kAlice) == Errc::kDenied);
  // Whether there is something behind a folder that is closed to them, they are not told.
  CHECK(homes.open("/alice/project", kBob, kReadOnly).error().message.contains("may not reach it"));
  CHECK(homes.open("/alice/missing", kBob, kReadOnly).error().code == Errc::kDenied);
}

TEST_CASE("root_shares_what_is_roots_and_of_others_only_to_be_read") {
  if (!root_can_act()) return;
  const Homes homes;
  homes.make("/roots", {0, 0}, 0755);
  constexpr Account kRoot{0, 0};
  CHECK(homes.refusal("/roots", kRoot, kReadWrite) == Errc::kIo);
  CHECK(homes.refusal("/alice/project", kRoot, kReadOnly) == Errc::kIo);
  CHECK(homes.open("/alice/project", kRoot)
            .error()
            .message.ends_with(
                fmt::format("belongs to uid {}: run as that user, or share it read-only with {}/alice/project:ro",
                            kAlice.uid, homes.root)));
}

TEST_CASE("groups_of_ours_are_not_the_owners") {
  if (!root_can_act()) return;
  const Homes homes;
  homes.make("/team", {0, 54399}, 0770);
  std::vector<gid_t> before(static_cast<std::size_t>(::getgroups(0, nullptr)));
  REQUIRE(::getgroups(static_cast<int>(before.size()), before.data()) == static_cast<int>(before.size()));
  const gid_t team = 54399;
  REQUIRE(::setgroups(1, &team) == 0);
  CHECK(homes.refusal("/team", kAlice, kReadOnly) == Errc::kDenied);
  CHECK(::getgroups(0, nullptr) == 1);  // and they are ours again
  REQUIRE(::setgroups(before.size(), before.data()) == 0);
}

TEST_CASE("who_asked_leaves_no_trace_in_who_we_are") {
  if (!root_can_act()) return;
  const Homes homes;
  const auto is_root = [] {
    return static_cast<int>(::setfsuid(static_cast<uid_t>(-1))) == 0 &&
           static_cast<int>(::setfsgid(static_cast<gid_t>(-1))) == 0;
  };
  const std::string secret = homes.root + "/secret";
  std::ofstream(secret) << "x";
  REQUIRE(::chmod(secret.c_str(), 0) == 0);
  for (const char* path : {"/alice", "/alice/missing", "/elsewhere"}) {
    (void)homes.open(path);
    CHECK(is_root());
    CHECK(std::ifstream(secret).good());  // root's rights over files are back, too
  }
}

TEST_CASE("folder_that_turns_into_a_link_meanwhile_is_never_followed") {
  if (!root_can_act()) return;
  const Homes homes;
  homes.make("/closed", {0, 0}, 0755);
  homes.make("/closed/deep", {0, 0}, 0777);
  REQUIRE(::mkdir((homes.root + "/alice/project/deep").c_str(), 0777) == 0);
  REQUIRE(::chown((homes.root + "/alice/project/deep").c_str(), kAlice.uid, kAlice.gid) == 0);
  fs::create_symlink(homes.root + "/closed", homes.root + "/alice/link");
  struct stat mine{};
  REQUIRE(::stat((homes.root + "/alice/project/deep").c_str(), &mine) == 0);
  // A process of its own: what the checker does to its uid concerns the whole process.
  const pid_t swapper = ::fork();
  if (swapper == 0) {
    for (;;) {
      ::syscall(SYS_renameat2, -1, (homes.root + "/alice/link").c_str(), -1, (homes.root + "/alice/project").c_str(),
                2U /* RENAME_EXCHANGE */);
    }
  }
  int opened = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto folder = homes.open("/alice/project/deep", kAlice, kReadOnly);
    if (!folder) {
      ++refused;
      continue;
    }
    ++opened;
    struct stat found{};
    REQUIRE(::fstat(folder->get(), &found) == 0);
    REQUIRE(found.st_ino == mine.st_ino);
  }
  ::kill(swapper, SIGKILL);
  ::waitpid(swapper, nullptr, 0);
  MESSAGE(opened, " opened, ", refused, " refused");
  CHECK((opened > 0 && refused > 0));  // both sides of the race were seen
}

}  // namespace
}  // namespace enforcer::host
