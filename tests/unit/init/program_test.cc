#include "program.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "../temporary_folder.h"
#include "base/deadline.h"
#include "files.h"

using namespace enforcer;
using namespace enforcer::guest;

namespace {

constexpr std::chrono::seconds kLong{20};

std::string error_of(const std::vector<std::string>& argv, std::chrono::milliseconds limit) {
  const auto done = run_program(argv, limit);
  return done ? "none" : done.error().message;
}

}  // namespace

TEST_CASE("program_gives_back_what_it_wrote") {
  CHECK(run_program({"/bin/sh", "-c", "echo out; echo err >&2; cat"}, kLong).value() == "out\nerr\n");
  CHECK(run_program({"/bin/sh", "-c", "head -c 100000 /dev/zero"}, kLong)->size() == 4096);
}

TEST_CASE("program_that_fails_says_so_with_its_last_line") {
  CHECK(error_of({"/bin/sh", "-c", "echo first; echo last; exit 3"}, kLong) == "/bin/sh: exit status 3: last");
  CHECK(error_of({"/bin/sh", "-c", "kill -9 $$"}, kLong) == "/bin/sh: signal 9: ");
  CHECK(error_of({"/nonexistent/program"}, kLong) == "/nonexistent/program: No such file or directory");
}

TEST_CASE("program_that_does_not_end_is_killed_with_its_children") {
  const auto begun = Monotonic::now();
  CHECK(error_of({"/bin/sh", "-c", "sleep 60 & sleep 60"}, std::chrono::milliseconds(100)) ==
        "/bin/sh: it did not end in time");
  CHECK(Monotonic::now() - begun < std::chrono::seconds(10));
}

TEST_CASE("text_is_replaced_whole_and_a_link_is_not_followed") {
  const TemporaryFolder made;
  const std::filesystem::path folder = made.path();
  REQUIRE(replace_text(folder / "below/file", "one"));
  CHECK(read_text(folder / "below/file") == "one");
  std::filesystem::permissions(folder / "below/file", std::filesystem::perms::owner_read);
  REQUIRE(replace_text(folder / "below/file", "two"));
  CHECK(read_text(folder / "below/file") == "two");
  CHECK(std::filesystem::status(folder / "below/file").permissions() == std::filesystem::perms::owner_read);

  REQUIRE(replace_link(folder / "link", "below/file"));
  REQUIRE(replace_text(folder / "link", "three"));
  CHECK(read_text(folder / "below/file") == "two");
  CHECK(read_text(folder / "link") == "three");
  REQUIRE(replace_link(folder / "link", "nowhere"));
  CHECK(std::filesystem::read_symlink(folder / "link") == "nowhere");
  CHECK_FALSE(replace_text("/proc/nosuch/file", "x"));
  CHECK(read_text("/nonexistent").empty());
}
