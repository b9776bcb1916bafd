#include "audit/log.h"

#include <sys/stat.h>

#include <thread>

#include "audit/verify.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

TEST_CASE("lines_of_one_write_go_out_in_one_system_call_with_their_numbers") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  REQUIRE(log->write(some_lines(3)));
  REQUIRE(log->write(some_lines(2)));
  CHECK(log->write_calls() == 2);
  CHECK(log->events() == 5);
  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 5);
  check_sequence(records);
  CHECK(records[0]["schema_version"] == 1);
  CHECK(records[0]["type"] == "event");
  CHECK(records[0]["time"].get<std::string>().size() == 27);
}

TEST_CASE("the_file_is_readable_by_its_group_and_nobody_else") {
  const Folder folder;
  const mode_t before = umask(022);
  const auto log = open_log({.path = folder.path() + "/new/audit.jsonl"});  // the folder is made
  umask(before);
  struct stat status{};
  REQUIRE(stat((folder.path() + "/new/audit.jsonl").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("nothing_to_write_is_no_write") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  CHECK(log->write(Lines{}));
  CHECK(log->write_calls() == 0);
}

TEST_CASE("numbers_go_on_after_a_restart") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(3)));
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(2)));
  const auto records = records_of(folder.log());
  CHECK(records.size() == 5);
  check_sequence(records);
}

TEST_CASE("numbers_go_on_when_the_run_before_ended_right_after_a_rotation") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(3)));
  std::filesystem::rename(folder.log(), folder.log() + ".1");
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  check_sequence(records_of(folder.log()), 4);
}

TEST_CASE("a_line_that_a_crash_left_torn_does_not_swallow_the_next_record") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(2)));
  std::ofstream(folder.log(), std::ios::app) << R"({"schema_version":1,"seq":3,"time":"20)";
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  const auto lines = lines_of(folder.log());
  REQUIRE(lines.size() == 5);
  CHECK_FALSE(nlohmann::json::accept(lines[2]));
  CHECK(nlohmann::json::parse(lines[3])["seq"] == 3);
  CHECK(nlohmann::json::parse(lines[3])["event"] == "audit_torn");
  CHECK(nlohmann::json::parse(lines[4])["seq"] == 4);
}

TEST_CASE("a_torn_line_is_accounted_for_also_where_its_file_is_full") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(10)));
  std::ofstream(folder.log(), std::ios::app) << R"({"schema_version":1,"seq":11,"time":"20)";
  REQUIRE(open_log({.path = folder.log(), .max_bytes = 1})->write(some_lines(1)));
  CHECK(std::filesystem::exists(folder.log() + ".1"));
  CHECK(records_of(folder.log()).front()["event"] == "audit_torn");
  const auto found = verify({.path = folder.log()});
  REQUIRE(found);
  CHECK(found->findings.empty());
  CHECK(found->torn == 1);
}

TEST_CASE("the_last_number_is_found_behind_a_block_of_zeros_that_a_power_cut_left") {
  const Folder folder;
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(7)));
  std::ofstream(folder.log(), std::ios::app) << std::string(600'000, '\0');
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(nlohmann::json::parse(lines_of(folder.log()).back())["seq"] == 9);  // audit_torn is the eighth
}

TEST_CASE("a_file_that_is_not_an_audit_log_is_refused_and_left_alone") {
  const Folder folder;
  std::ofstream(folder.log()) << "root:x:0:0\n";
  const auto log = Log::open({.path = folder.log()});
  REQUIRE_FALSE(log.has_value());
  CHECK(log.error().code == Errc::kInvalid);
  CHECK(log.error().message == folder.log() + ": holds no audit record; move it away");
  CHECK(read_file(folder.log()) == "root:x:0:0\n");
}

TEST_CASE("a_symlink_a_fifo_and_a_folder_are_refused") {
  const Folder folder;
  std::filesystem::create_symlink("/tmp/audit-unit-elsewhere", folder.path() + "/link");
  REQUIRE(mkfifo((folder.path() + "/fifo").c_str(), 0600) == 0);
  for (const char* name : {"/link", "/fifo", "/."}) CHECK_FALSE(Log::open({.path = folder.path() + name}).has_value());
  CHECK_FALSE(std::filesystem::exists("/tmp/audit-unit-elsewhere"));
}

TEST_CASE("two_writers_of_one_file_are_refused") {
  const Folder folder;
  const auto first = open_log({.path = folder.log()});
  const auto second = Log::open({.path = folder.log()});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::kConflict);
}

TEST_CASE("rotation_keeps_the_newest_files_and_the_order_of_numbers") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 4096, .max_files = 3});
  for (int i = 0; i < 100; ++i) REQUIRE(log->write(some_lines(1, 200)));
  std::vector<nlohmann::json> all;
  for (const char* suffix : {".2", ".1", ""}) {
    CHECK(std::filesystem::file_size(folder.log() + suffix) <= 4096);
    for (auto& record : records_of(folder.log() + suffix)) all.push_back(record);
  }
  CHECK_FALSE(std::filesystem::exists(folder.log() + ".3"));
  REQUIRE(all.size() > 15);
  check_sequence(all, all.front()["seq"]);
  CHECK(all.back()["seq"] == 100);
}

TEST_CASE("one_file_only_is_a_rotation_too") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 1024, .max_files = 1});
  for (int i = 0; i < 30; ++i) REQUIRE(log->write(some_lines(1, 100)));
  CHECK_FALSE(std::filesystem::exists(folder.log() + ".1"));
  CHECK(std::filesystem::file_size(folder.log()) <= 1024);
  CHECK(records_of(folder.log()).back()["seq"] == 30);
}

TEST_CASE("records_larger_than_a_whole_file_are_still_written") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 64, .max_files = 2});
  REQUIRE(log->write(some_lines(3, 100)));
  REQUIRE(log->write(some_lines(3, 100)));
  CHECK(records_of(folder.log()).size() == 3);
  CHECK(records_of(folder.log() + ".1").size() == 3);
}

TEST_CASE("a_rotation_that_fails_denies_and_recovers_by_itself") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 512, .max_files = 2});
  REQUIRE(log->write(some_lines(1, 400)));
  std::filesystem::create_directories(folder.log() + ".1/in-the-way");  // rename(2) cannot replace it
  const auto refused = log->write(some_lines(2, 400));
  REQUIRE_FALSE(refused.has_value());
  CHECK(log->write_errors() == 2);
  CHECK_FALSE(log->healthy());
  std::filesystem::remove_all(folder.log() + ".1");
  REQUIRE(log->write(some_lines(1, 400)));
  CHECK(log->healthy());
  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 2);
  CHECK(records[0]["event"] == "audit_gap");
  CHECK(records[0]["count"] == 2);
  check_sequence(records, 2);
}

TEST_CASE("sync_notices_a_deleted_file_and_the_next_write_makes_a_new_one") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  REQUIRE(log->write(some_lines(2)));
  REQUIRE(log->sync());
  std::filesystem::remove(folder.log());
  REQUIRE(log->sync());
  REQUIRE(log->write(some_lines(1)));
  check_sequence(records_of(folder.log()), 3);
}

TEST_CASE("threads_never_tear_or_renumber_each_others_records") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 64 * 1024, .max_files = 100});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) CHECK(log->write(some_lines(1 + i % 5)).has_value());
      });
    }
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) CHECK(log->sync().has_value());
    });
  }
  std::vector<nlohmann::json> all;
  for (int age = 99; age > 0; --age) {
    for (auto& record : records_of(folder.log() + "." + std::to_string(age))) all.push_back(record);
  }
  for (auto& record : records_of(folder.log())) all.push_back(record);
  CHECK(all.size() == 4 * 200 * 3);
  check_sequence(all);
  CHECK(log->events() == all.size());
}

}  // namespace
}  // namespace enforcer::audit
