#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "../temporary_folder.h"
#include "policy/loader.h"
#include "policy/object_text.h"

namespace enforcer::policy {
namespace {

/// What is said about the paths, a line for each.
std::string refusal(const std::vector<std::string>& paths, SourceUse use = SourceUse::kEnforce) {
  std::string all;
  for (const Diagnostic& problem : refusals_of(read_sources(paths, use))) all += problem.to_string() + "\n";
  return all;
}

std::string unreadable(const std::string& path, const std::string& why) {
  return path + ":1:1: error[E0001]: " + why + "\n";
}

TEST_CASE("files_and_folders_are_read_sorted_and_each_file_once") {
  const TemporaryFolder folder;
  folder.write("b.yaml", "b");
  folder.write("a.yml", "a");
  folder.write("c.txt", "c");
  folder.write(".hidden.yaml", "h");
  const std::string extra = folder.write("b.yaml~", "old");
  const auto sources = read_sources({folder.file("b.yaml"), folder.path()});
  REQUIRE(sources.size() == 2);
  CHECK(sources.at(0).name == folder.file("a.yml"));
  CHECK(sources.at(1).text == "b");
}

TEST_CASE("a_path_that_could_be_swapped_or_written_by_others_is_refused") {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.yaml", "x");
  CHECK(refusal({good}).empty());  // the control

  const std::string link = folder.file("link.yaml");
  REQUIRE(symlink(good.c_str(), link.c_str()) == 0);
  CHECK(refusal({link}) == unreadable(link, "is a symbolic link, which is not followed"));
  CHECK(refusal({folder.path()}) == unreadable(link, "is a symbolic link, which is not followed"));
  std::filesystem::remove(folder.file("link.yaml"));

  for (const mode_t mode : {0664, 0646, 0666}) {
    const std::string open = folder.write("open.yaml", "x", mode);
    CHECK(refusal({open}) == unreadable(open, "is writable by others than its owner: chmod go-w"));
    CHECK(refusal({open}, SourceUse::kInspect).empty());
  }
  std::filesystem::remove(folder.file("open.yaml"));

  REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
  CHECK(refusal({folder.path()}) == unreadable(folder.path(), "is writable by others than its owner: chmod go-w"));
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);

  if (geteuid() == 0) {
    REQUIRE(chown(good.c_str(), 12345, 0) == 0);
    CHECK(refusal({good}) == unreadable(good, "belongs to user 12345, and must belong to root or to user 0"));
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
  const std::string too_large = large + ":1:1: error[E0002]: the file has 1048577 bytes; at most 1048576 are read\n";
  CHECK(refusal({large}) == too_large);
  const std::string fifo = folder.file("fifo.yaml");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refusal({fifo}) == unreadable(fifo, "is neither a regular file nor a folder"));
  const std::string inner = folder.file("inner.yaml");
  REQUIRE(mkdir(inner.c_str(), 0755) == 0);
  // All of them at once, and the good one is there all the same; nor does a FIFO in a folder stop the tool.
  for (const SourceUse use : {SourceUse::kEnforce, SourceUse::kInspect}) {
    CHECK(refusal({folder.path()}, use) == unreadable(fifo, "is neither a regular file nor a folder") +
                                               unreadable(inner, "is a folder inside a folder of policies") +
                                               too_large);
    const auto sources = read_sources({folder.path()}, use);
    REQUIRE(sources.size() == 4);
    CHECK(sources.at(3).name == limit);
    CHECK_FALSE(sources.at(3).refusal);
  }
}

TEST_CASE("who_only_looks_may_name_links_and_pipes") {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  const std::string real = elsewhere.write("real.yaml", "x: 1\n");
  const std::string link = folder.file("link.yaml");
  REQUIRE(symlink(real.c_str(), link.c_str()) == 0);
  for (const std::string& named : {link, folder.path()}) {
    const auto sources = read_sources({named}, SourceUse::kInspect);
    REQUIRE(sources.size() == 1);
    CHECK_FALSE(sources.front().refusal);
    CHECK(sources.front().name == link);
    CHECK(sources.front().text == "x: 1\n");
  }
  REQUIRE(symlink("nowhere", folder.file("dangling.yaml").c_str()) == 0);
  CHECK(refusal({folder.path()}, SourceUse::kInspect) ==
        unreadable(folder.file("dangling.yaml"), "No such file or directory"));

  // As a shell gives `<(command)`; the writer is slower than the reader.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::thread writer([end = ends[1]] {
    for (const std::string_view piece : {"a: ", "b\n"}) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      CHECK(write(end, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()));
    }
    close(end);
  });
  const std::string name = "/dev/fd/" + std::to_string(ends[0]);
  const auto sources = read_sources({name}, SourceUse::kInspect);
  writer.join();
  REQUIRE(sources.size() == 1);
  CHECK(sources.front().text == "a: b\n");
  CHECK(refusal({name}) == unreadable(name, "is a symbolic link, which is not followed"));
  close(ends[0]);
  CHECK(refusal({"/dev/zero"}, SourceUse::kInspect) ==
        "/dev/zero:1:1: error[E0002]: there are more than 1048576 bytes; at most that many are read\n");
}

TEST_CASE("a_missing_path_is_said_to_be_missing") {
  const TemporaryFolder folder;
  CHECK(refusal({folder.file("none.yaml")}) == unreadable(folder.file("none.yaml"), "No such file or directory"));
  CHECK(read_sources({folder.path()}).empty());  // an empty folder is no policy, and no error
}

TEST_CASE("what_cannot_be_read_keeps_nothing_of_the_rest_from_being_looked_at") {
  const std::string policy =
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  guests: {names: [g]}\n"
      "  allow: [{name: a, to: [a.test], http: [{paths: [/x]}], credential: elsewhere}]\n  alow: []\n";
  const std::vector<SourceText> sources{{.name = "a.yaml", .text = policy},
                                        {.name = "b.yaml", .text = {}, .refusal = Refusal{Code::kUnreadable, "gone"}}};
  const auto outcome = load(sources, 1);
  CHECK(outcome.snapshot == nullptr);
  // And not E0213: the Credential may stand in what could not be read.
  REQUIRE(outcome.diagnostics.size() == 2);
  CHECK(outcome.diagnostics.at(0).code == "E0102");
  CHECK(outcome.diagnostics.at(1).to_string() == "b.yaml:1:1: error[E0001]: gone");
  CHECK_FALSE(ask_tests(sources).asked);
  CHECK_FALSE(split_objects(sources));
  // The control: without the file it is known that nothing is called so.
  const auto alone = load({sources.data(), 1}, 1);
  CHECK(std::ranges::any_of(alone.diagnostics, [](const auto& problem) { return problem.code == "E0213"; }));
}

}  // namespace
}  // namespace enforcer::policy
