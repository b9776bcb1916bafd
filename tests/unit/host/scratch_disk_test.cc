#include "host/scratch_disk.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace enforcer::host {
namespace {

struct ScratchFolder {
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  std::string path = "/tmp/scratch-disk-test-" + std::to_string(::getpid());
};

TEST_CASE("scratch_disk_has_its_size_and_no_name_and_takes_no_room") {
  const ScratchFolder folder;
  const auto disk = make_scratch_disk(folder.path, 8192);
  REQUIRE(disk);
  struct stat status{};
  REQUIRE(::fstat(disk->file.get(), &status) == 0);
  CHECK(status.st_size == off_t{8192} << 20);
  CHECK(status.st_blocks < 100);
  CHECK(status.st_nlink == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(std::filesystem::is_empty(folder.path));
  CHECK(::pwrite(disk->file.get(), "x", 1, (off_t{8192} << 20) - 1) == 1);
  REQUIRE(::stat(folder.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE("two_scratch_disks_are_not_one") {
  const ScratchFolder folder;
  const auto first = make_scratch_disk(folder.path, 64);
  const auto second = make_scratch_disk(folder.path, 64);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(::pwrite(first->file.get(), "x", 1, 0) == 1);
  char read = 'y';
  CHECK(::pread(second->file.get(), &read, 1, 0) == 1);
  CHECK(read == '\0');
}

TEST_CASE("what_a_killed_maker_left_is_removed_and_a_link_in_its_place_is_not_followed") {
  const ScratchFolder folder;
  const ScratchFolder elsewhere{folder.path + "-victim"};
  std::filesystem::create_directory(folder.path);
  std::ofstream(elsewhere.path) << "untouched";
  std::filesystem::create_symlink(elsewhere.path, folder.path + "/disk.new");
  CHECK(make_scratch_disk(folder.path, 64));
  CHECK(std::filesystem::file_size(elsewhere.path) == 9);
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("disk_larger_than_the_room_is_warned_about_and_no_room_at_all_is_refused") {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder.path);
  if (::mount("scratch", folder.path.c_str(), "tmpfs", 0, "size=100m") != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  const auto warned = make_scratch_disk(folder.path, 8192);
  CHECK_MESSAGE(warned, (warned ? "" : warned.error().message));
  if (warned)
    CHECK(warned->warning ==
          folder.path + ": 100 MiB are free, and the guest's disk may grow to 8192: it will see errors then");
  const auto fits = make_scratch_disk(folder.path, 100);
  CHECK((fits && fits->warning.empty()));

  const Fd filler(::open((folder.path + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(::posix_fallocate(filler.get(), 0, off_t{37} << 20) == 0);
  const auto refused = make_scratch_disk(folder.path, 64);
  CHECK_FALSE(refused);
  if (!refused) {
    CHECK(refused.error().code == Errc::kUnavailable);
    CHECK(refused.error().message == folder.path + ": 63 MiB are free, and a guest's disk needs 64");
  }
  ::umount2(folder.path.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace enforcer::host
