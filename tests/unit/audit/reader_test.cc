#include "audit/reader.h"

#include <atomic>
#include <thread>

#include "scratch.h"

namespace enforcer::audit {
namespace {

using namespace std::chrono_literals;

Reader open_reader(const std::string& path, Filter filter = {}) {
  auto reader = Reader::open(path, std::move(filter));
  REQUIRE_MESSAGE(reader.has_value(), (reader ? "" : reader.error().message));
  return std::move(*reader);
}

std::vector<std::string> read_all(Reader& reader) {
  std::vector<std::string> lines;
  while (true) {
    auto step = reader.step();
    REQUIRE(step.has_value());
    for (std::string& line : step->lines) lines.push_back(std::move(line));
    if (step->caught_up) return lines;
  }
}

std::vector<std::uint64_t> generations(const std::vector<std::string>& lines) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& line : lines) numbers.push_back(nlohmann::json::parse(line)["generation"]);
  return numbers;
}

void write_event(Log& log, std::uint64_t generation, WallClock::time_point time = WallClock::now()) {
  Lines lines;
  lines.add(time, [&](std::string& out) { append_body(out, EventRecord{.event = "e", .generation = generation}); });
  REQUIRE(log.write(lines));
}

TEST_CASE("reads_everything_over_all_files_from_the_oldest_on") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 1500, .max_files = 50});
  for (std::uint64_t i = 1; i <= 100; ++i) write_event(*log, i);
  REQUIRE(std::filesystem::exists(folder.log() + ".5"));
  Reader reader = open_reader(folder.log());
  const auto numbers = generations(read_all(reader));
  REQUIRE(numbers.size() == 100);
  for (std::uint64_t i = 0; i < 100; ++i) CHECK(numbers[i] == i + 1);
  CHECK(reader.skipped() == 0);
}

TEST_CASE("no_log_is_not_found") {
  const Folder folder;
  CHECK(Reader::open(folder.log(), {}).error().code == Errc::kNotFound);
  CHECK(Reader::open(folder.log(), Filter{.last = 3}).error().code == Errc::kNotFound);
}

TEST_CASE("last_takes_the_newest_matches_in_order_and_goes_on_from_there") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 1500, .max_files = 50});
  for (std::uint64_t i = 1; i <= 100; ++i) write_event(*log, i);
  Reader reader = open_reader(folder.log(), Filter{.last = 25});  // more than one file holds
  const auto numbers = generations(read_all(reader));
  REQUIRE(numbers.size() == 25);
  for (std::uint64_t i = 0; i < 25; ++i) CHECK(numbers[i] == 76 + i);
  write_event(*log, 101);
  CHECK(generations(read_all(reader)) == std::vector<std::uint64_t>{101});

  Reader more_than_there_is = open_reader(folder.log(), Filter{.last = 1000});
  CHECK(read_all(more_than_there_is).size() == 101);
}

TEST_CASE("last_works_over_many_blocks") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  for (int i = 0; i < 20; ++i) REQUIRE(log->write(some_lines(500, 400)));  // 5 MiB
  Reader reader = open_reader(folder.log(), Filter{.last = 9'000});
  const auto lines = read_all(reader);
  REQUIRE(lines.size() == 9'000);
  CHECK(nlohmann::json::parse(lines.front())["seq"] == 1'001);
  CHECK(nlohmann::json::parse(lines.back())["seq"] == 10'000);
  Reader all = open_reader(folder.log());
  CHECK(read_all(all).size() == 10'000);
}

TEST_CASE("follow_sees_each_record_once_while_it_is_written_and_rotated") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 20'000, .max_files = 900});
  write_event(*log, 1);
  Reader reader = open_reader(folder.log());
  std::atomic<bool> done = false;
  std::jthread writer([&] {
    for (std::uint64_t i = 2; i <= 5'000; ++i) write_event(*log, i);
    done = true;
  });
  std::vector<std::uint64_t> seen;
  while (true) {
    const bool last_round = done;
    for (const auto number : generations(read_all(reader))) seen.push_back(number);
    if (last_round) break;
  }
  REQUIRE(seen.size() == 5'000);
  for (std::uint64_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i + 1);
  CHECK(reader.skipped() == 0);
}

TEST_CASE("a_line_that_is_still_being_written_is_seen_when_it_is_whole") {
  const Folder folder;
  const std::string line = R"({"schema_version":1,"seq":1,"type":"event","generation":7})";
  std::ofstream file(folder.log(), std::ios::app);
  file << line.substr(0, 20) << std::flush;
  Reader reader = open_reader(folder.log());
  CHECK(read_all(reader).empty());
  file << line.substr(20) << '\n' << std::flush;
  CHECK(generations(read_all(reader)) == std::vector<std::uint64_t>{7});
}

TEST_CASE("a_hostile_file_is_skipped_line_by_line") {
  const Folder folder;
  const std::string good = R"({"schema_version":1,"seq":1,"type":"event","generation":1})";
  std::ofstream file(folder.log());
  file << "not a record\n"
       << "{\"schema_version\":1,\"seq\":1,\"host\":\"\x1b]0;owned\x07\"}\n"
       << good << "\n"
       << "\n"  // what the log itself writes after a torn line
       << std::string(700'000, 'x') << "\n"
       << "{\"schema_version\":1,\"seq\":2,\"host\":\"unterminated\n"
       << good << "\n";
  file.close();
  for (const std::size_t last : {0, 10}) {
    Reader reader = open_reader(folder.log(), Filter{.last = last});
    CHECK(read_all(reader) == std::vector<std::string>{good, good});
    CHECK(reader.skipped() >= 4);
  }
}

TEST_CASE("since_leaves_out_what_is_older_whole_files_included") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 1500, .max_files = 50});
  const auto now = WallClock::now();
  for (std::uint64_t i = 1; i <= 60; ++i) write_event(*log, i, now - 60s + i * 1s);
  for (const std::size_t last : {0, 100}) {
    Reader reader = open_reader(folder.log(), Filter{.since = now - 5s, .last = last});
    CHECK(generations(read_all(reader)) == std::vector<std::uint64_t>{55, 56, 57, 58, 59, 60});
  }
  std::filesystem::last_write_time(folder.log() + ".3", std::filesystem::file_time_type::clock::now() - 1h);
  Reader reader = open_reader(folder.log(), Filter{.since = now - 5s});
  CHECK(read_all(reader).size() == 6);
}

}  // namespace
}  // namespace enforcer::audit
