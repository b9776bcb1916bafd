#include "host/scratch_disk.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "../temporary_folder.h"

namespace enforcer::host {
namespace {

struct ScratchFolder {
  TemporaryFolder own;
  std::string path = own.file("disks");
};

TEST_CASE("scratch_disk_has_its_size_and_no_name_and_takes_no_room") {
  const ScratchFolder folder;
  const auto disk = make_scratch_disk(folder.path, 2048, 0);
  REQUIRE(disk);
  struct stat status{};
  REQUIRE(::fstat(disk->get(), &status) == 0);
  CHECK(status.st_size == off_t{2048} << 20);
  CHECK(status.st_blocks < 100);
  CHECK(status.st_nlink == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(std::filesystem::is_empty(folder.path));
  CHECK(::pwrite(disk->get(), "x", 1, (off_t{2048} << 20) - 1) == 1);
  REQUIRE(::stat(folder.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE("two_scratch_disks_are_not_one") {
  const ScratchFolder folder;
  const auto first = make_scratch_disk(folder.path, 64, 0);
  const auto second = make_scratch_disk(folder.path, 64, 0);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(::pwrite(first->get(), "x", 1, 0) == 1);
  char read = 'y';
  CHECK(::pread(second->get(), &read, 1, 0) == 1);
  CHECK(read == '\0');
}

TEST_CASE("what_a_killed_maker_left_is_removed_and_a_link_in_its_place_is_not_followed") {
  const ScratchFolder folder;
  const std::string elsewhere = folder.own.write("victim", "untouched");
  std::filesystem::create_directory(folder.path);
  std::filesystem::create_symlink(elsewhere, folder.path + "/disk.new");
  CHECK(make_scratch_disk(folder.path, 64, 0));
  CHECK(std::filesystem::file_size(elsewhere) == 9);
  CHECK(std::filesystem::is_empty(folder.path));
}

TEST_CASE("disks_together_never_take_what_is_the_hosts") {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder.path);
  if (::mount("scratch", folder.path.c_str(), "tmpfs", 0, "size=2000m") != 0) {
    MESSAGE("skipped: needs root");
    return;
  }
  // 2000 MiB are free, of which 1024 are the host's.
  CHECK(make_scratch_disk(folder.path, 976, 0));
  CHECK(make_scratch_disk(folder.path, 64, 912));
  for (const auto [size, promised] : {std::pair{977U, 0U}, {64U, 913U}, {976U, 1U}, {8192U, 0U}}) {
    CAPTURE(size);
    CAPTURE(promised);
    const auto refused = make_scratch_disk(folder.path, size, promised);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kUnavailable);
  }
  CHECK(std::filesystem::is_empty(folder.path));

  const Fd filler(::open((folder.path + "/filler").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(::posix_fallocate(filler.get(), 0, off_t{500} << 20) == 0);
  const auto refused = make_scratch_disk(folder.path, 400, 77);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "no space for a guest's disk of 400 MiB: " + folder.path +
                                       " has 1500 MiB free, of which 77 MiB are for guests that run and 1024 MiB stay "
                                       "the host's: a smaller one may do (--disk)");
  CHECK(make_scratch_disk(folder.path, 400, 76));
  ::umount2(folder.path.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace enforcer::host
