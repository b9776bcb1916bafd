#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "../temporary_folder.h"
#include "policy/loader.h"

namespace enforcer::policy {
namespace {

std::string refusal(const std::vector<std::string>& paths, SourceUse use = SourceUse::kEnforce) {
  const auto sources = read_sources(paths, use);
  return sources ? "" : sources.error().message;
}

TEST_CASE("files_and_folders_are_read_sorted_and_each_file_once") {
  const TemporaryFolder folder;
  folder.write("b.yaml", "b");
  folder.write("a.yml", "a");
  folder.write("c.txt", "c");
  folder.write(".hidden.yaml", "h");
  const std::string extra = folder.write("b.yaml~", "old");
  const auto sources = read_sources({folder.file("b.yaml"), folder.path()});
  REQUIRE(sources);
  REQUIRE(sources->size() == 2);
  CHECK(sources->at(0).name == folder.file("a.yml"));
  CHECK(sources->at(1).text == "b");
}

TEST_CASE("a_path_that_could_be_swapped_or_written_by_others_is_refused") {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.yaml", "x");
  CHECK(refusal({good}).empty());  // the control

  REQUIRE(symlink(good.c_str(), folder.file("link.yaml").c_str()) == 0);
  CHECK(refusal({folder.file("link.yaml")}) ==
        folder.file("link.yaml") + ": is a symbolic link, which is not followed");
  CHECK(refusal({folder.path()}) == folder.file("link.yaml") + ": is a symbolic link, which is not followed");
  CHECK(refusal({folder.file("link.yaml")}, SourceUse::kInspect) ==
        folder.file("link.yaml") + ": is a symbolic link, which is not followed");
  std::filesystem::remove(folder.file("link.yaml"));

  for (const mode_t mode : {0664, 0646, 0666}) {
    const std::string open = folder.write("open.yaml", "x", mode);
    CHECK(refusal({open}) == open + ": is writable by others than its owner: chmod go-w");
    CHECK(refusal({open}, SourceUse::kInspect).empty());
  }
  std::filesystem::remove(folder.file("open.yaml"));

  REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
  CHECK(refusal({folder.path()}) == folder.path() + ": is writable by others than its owner: chmod go-w");
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);

  if (geteuid() == 0) {
    REQUIRE(chown(good.c_str(), 12345, 0) == 0);
    CHECK(refusal({good}) == good + ": belongs to user 12345, and must belong to root or to user 0");
    CHECK(refusal({good}, SourceUse::kInspect).empty());
  } else {
    MESSAGE("skipped: a file of somebody else can only be made by root");
  }
}

TEST_CASE("only_regular_files_of_at_most_one_mebibyte_are_read") {
  const TemporaryFolder folder;
  const std::string limit = folder.write("limit.yaml", std::string(1 << 20, '#'));
  CHECK(refusal({limit}).empty());
  const std::string large = folder.write("large.yaml", std::string((1 << 20) + 1, '#'));
  CHECK(refusal({large}) == large + ": is larger than 1 MiB");
  const std::string fifo = folder.file("fifo.yaml");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refusal({fifo}) == fifo + ": is neither a regular file nor a folder");
  REQUIRE(mkdir(folder.file("inner.yaml").c_str(), 0755) == 0);
  CHECK(refusal({folder.path()}) == fifo + ": is neither a regular file nor a folder; " + folder.file("inner.yaml") +
                                        ": is a folder inside a folder of policies; " + large +
                                        ": is larger than 1 MiB");
}

TEST_CASE("a_missing_path_is_said_to_be_missing") {
  const TemporaryFolder folder;
  const auto sources = read_sources({folder.file("none.yaml")});
  REQUIRE_FALSE(sources);
  CHECK(sources.error().code == Errc::kNotFound);
  CHECK(sources.error().message == folder.file("none.yaml") + ": No such file or directory");
  CHECK(read_sources({folder.path()})->empty());  // an empty folder is no policy, and no error
}

}  // namespace
}  // namespace enforcer::policy
