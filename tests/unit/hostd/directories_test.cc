#include "hostd/directories.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "../temporary_folder.h"

namespace enforcer::hostd {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kEnforcerd = 64777;
const Owner kOwner{.uid = kEnforcerd, .gid = kEnforcerd};

/// The folders of an instance that nobody else has, and a folder of the host's; gone at the end.
struct Host {
  ~Host() {
    for (const auto& folder : {paths.run_dir(), paths.state_dir()}) fs::remove_all(folder);
  }
  config::Paths paths = config::Paths::of(fmt::format("unit-hostd-{}", getpid()));
  TemporaryFolder own;
  std::string outside = own.path();
};

struct stat status_of(const std::string& path) {
  struct stat status{};
  REQUIRE(lstat(path.c_str(), &status) == 0);
  return status;
}

bool makes_roots_folders() {
  if (geteuid() == 0) return true;
  fmt::print("SKIP: needs root, whose folders these are\n");
  return false;
}

TEST_CASE("folders_are_made_and_corrected") {
  if (!makes_roots_folders()) return;
  const Host host;
  REQUIRE(make_directories(host.paths, kOwner));
  REQUIRE(chown(host.paths.run_dir().c_str(), kEnforcerd, kEnforcerd) == 0);
  REQUIRE(chmod(host.paths.hostd_state_dir().c_str(), 0755) == 0);
  REQUIRE(make_directories(host.paths, kOwner));
  CHECK(status_of(host.paths.run_dir()).st_uid == 0);
  CHECK(status_of(host.paths.run_dir()).st_gid == kEnforcerd);
  CHECK((status_of(host.paths.run_dir()).st_mode & 07777) == 01775);
  CHECK((status_of(host.paths.hostd_state_dir()).st_mode & 07777) == 0700);
}

TEST_CASE("what_enforcerd_put_into_the_place_of_a_folder_of_roots_is_refused_and_left_as_it_was") {
  if (!makes_roots_folders()) return;
  const Host host;
  REQUIRE(make_directories(host.paths, kOwner));
  REQUIRE(chmod(host.outside.c_str(), 0751) == 0);
  REQUIRE(chown(host.outside.c_str(), 65534, 65534) == 0);
  for (const std::string& folder : {host.paths.run_dir() + "/guests", host.paths.hostd_state_dir()}) {
    CAPTURE(folder);
    fs::remove_all(folder);
    fs::create_symlink(host.outside, folder);
    auto refused = make_directories(host.paths, kOwner);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kConflict);
    CHECK(refused.error().message.find(folder) == 0);
    CHECK(status_of(host.outside).st_uid == 65534);
    CHECK((status_of(host.outside).st_mode & 07777) == 0751);
    fs::remove(folder);

    fs::create_directory(folder);
    REQUIRE(chown(folder.c_str(), kEnforcerd, kEnforcerd) == 0);
    refused = make_directories(host.paths, kOwner);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kConflict);
    CHECK(status_of(folder).st_uid == kEnforcerd);
    fs::remove(folder);
    REQUIRE(make_directories(host.paths, kOwner));  // the control
  }
}

}  // namespace
}  // namespace enforcer::hostd
