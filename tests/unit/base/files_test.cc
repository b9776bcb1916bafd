#include "base/files.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "../temporary_folder.h"

namespace enforcer {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivate = 0600;

Error refusal_to_read(const std::string& path, LastLink link = LastLink::kFollow) {
  const auto text = read_file(path, 100, link);
  REQUIRE_FALSE(text);
  return text.error();
}

}  // namespace

TEST_CASE("a_file_is_read_whole_up_to_its_limit") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{99}, std::size_t{100}}) {
    CAPTURE(size);
    std::string content(size, 'a');
    if (size > 1) content[1] = '\0';
    std::ofstream(path, std::ios::binary) << content;
    CHECK(read_file(path, 100, LastLink::kRefuse).value() == content);
  }
  std::ofstream(path) << std::string(101, 'a');
  CHECK(refusal_to_read(path).code == Errc::kInvalid);
  CHECK(refusal_to_read(path).message == path + ": larger than 100 bytes");
  CHECK(read_file(path, 101, LastLink::kRefuse).value().size() == 101);
}

TEST_CASE("what_holds_less_than_its_size_says_is_read_as_it_is") {
  const auto text = read_file("/sys/devices/system/cpu/possible", 4096, LastLink::kRefuse);
  REQUIRE(text);
  CHECK(text->ends_with('\n'));
  CHECK(fs::file_size("/sys/devices/system/cpu/possible") > text->size());
  // And one that holds more than it says.
  CHECK(refusal_to_read("/proc/self/status").message == "/proc/self/status: grew while it was read");
}

TEST_CASE("what_the_kernel_makes_up_is_read_whole_up_to_a_limit") {
  const auto text = read_kernel_file("/proc/meminfo", 64 * 1024);
  REQUIRE(text);
  CHECK(text->starts_with("MemTotal:"));
  CHECK(text->ends_with('\n'));
  CHECK(fs::file_size("/proc/meminfo") == 0);  // which is why read_file() does not do

  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  std::ofstream(path) << std::string(100, 'a');
  CHECK(read_kernel_file(path, 100).value() == std::string(100, 'a'));
  CHECK(read_kernel_file(path, 99).error().message == path + ": larger than 99 bytes");
  CHECK(read_kernel_file(folder.file("none"), 99).error().code == Errc::kNotFound);
  CHECK(read_kernel_file(folder.path(), 99).error().code == Errc::kInvalid);
}

TEST_CASE("only_regular_files_are_read_and_links_only_where_they_may_be_there") {
  const TemporaryFolder folder;
  CHECK(refusal_to_read(folder.file("none")).code == Errc::kNotFound);
  CHECK(refusal_to_read(folder.file("none")).message == folder.file("none") + ": no such file");
  CHECK(refusal_to_read(folder.path()).message == folder.path() + ": not a regular file");
  REQUIRE(mkfifo(folder.file("fifo").c_str(), kPrivate) == 0);
  CHECK(refusal_to_read(folder.file("fifo")).message == folder.file("fifo") + ": not a regular file");
  std::ofstream(folder.file("real")) << "content";
  fs::create_symlink(folder.file("real"), folder.file("link"));
  CHECK(read_file(folder.file("link"), 100, LastLink::kFollow).value() == "content");
  CHECK(refusal_to_read(folder.file("link"), LastLink::kRefuse).code != Errc::kNotFound);
}

TEST_CASE("a_file_is_replaced_whole_with_its_mode") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  for (const Survives crash : {Survives::kProgram, Survives::kHost}) {
    for (const mode_t mode : {mode_t{0600}, mode_t{0640}}) {
      for (const std::string& content : {std::string("new"), std::string(), std::string(100'000, 'x')}) {
        REQUIRE(write_atomically(path, content, mode, crash));
        CHECK(read_file(path, 100'000, LastLink::kRefuse).value() == content);
        CHECK(folder.mode("a") == mode);
        CHECK_FALSE(fs::exists(path + ".new"));
      }
    }
  }
}

TEST_CASE("what_a_crash_left_aside_is_written_over_and_a_link_there_is_not_followed") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  std::ofstream(path + ".new") << "half of something longer";
  REQUIRE(chmod((path + ".new").c_str(), 0666) == 0);
  REQUIRE(write_atomically(path, "whole", kPrivate, Survives::kHost));
  CHECK(read_file(path, 100, LastLink::kRefuse).value() == "whole");
  CHECK(folder.mode("a") == kPrivate);

  std::ofstream(folder.file("other")) << "untouched";
  fs::create_symlink(folder.file("other"), path + ".new");
  CHECK_FALSE(write_atomically(path, "more", kPrivate, Survives::kHost));
  CHECK(read_file(folder.file("other"), 100, LastLink::kRefuse).value() == "untouched");
  CHECK(read_file(path, 100, LastLink::kRefuse).value() == "whole");
  CHECK(fs::is_symlink(path + ".new"));  // what is not ours stays
  CHECK_FALSE(write_atomically(folder.file("none/a"), "x", kPrivate, Survives::kProgram));
}

TEST_CASE("what_could_not_be_written_whole_leaves_nothing") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  REQUIRE(write_atomically(path, "old", kPrivate, Survives::kHost));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit less{10, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &less) == 0);
  const auto written = write_atomically(path, std::string(11, 'x'), kPrivate, Survives::kHost);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(written);
  CHECK_FALSE(fs::exists(path + ".new"));
  CHECK(read_file(path, 100, LastLink::kRefuse).value() == "old");
}

}  // namespace enforcer
