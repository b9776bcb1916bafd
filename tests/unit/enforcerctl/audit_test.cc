// audit verify and audit export on the files of real logs; no daemon.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../temporary_folder.h"
#include "audit/log.h"
#include "audit/record.h"
#include "captured_terminal.h"

using namespace enforcer;
using namespace enforcer::ctl::testing;

namespace {

void write_events(const std::string& path, int count, WallClock::time_point first = WallClock::now()) {
  auto log = audit::Log::open({.path = path});
  REQUIRE(log.has_value());
  for (int i = 0; i < count; ++i) {
    audit::Lines lines;
    lines.add(first + std::chrono::minutes(i),
              [](std::string& out) { append_body(out, audit::EventRecord{.event = "test", .detail = "\x1b[31m"}); });
    REQUIRE((*log)->write(lines));
  }
  REQUIRE((*log)->sync());
}

std::vector<std::string> file_lines(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void overwrite(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream file(path);
  for (const std::string& line : lines) file << line << '\n';
}

}  // namespace

TEST_CASE("audit_verify_prints_the_head_of_a_whole_log_and_takes_it_back") {
  const TemporaryFolder folder;
  const std::string path = folder.file("audit.jsonl");
  write_events(path, 5);
  const Ran whole = run({"audit", "verify", path});
  CHECK(whole.status == 0);
  CHECK(whole.out.starts_with("5:"));
  CHECK(whole.err == "records 1 to 5 in 1 file: the chain is whole\n");
  const std::string head = whole.out.substr(0, whole.out.size() - 1);
  write_events(path, 2);
  CHECK(run({"audit", "verify", path, "--head", head}).status == 0);
  CHECK(run({"audit", "verify", path, "--head", "4" + head.substr(1)}).status == 3);
  CHECK(run({"audit", "verify", path, "--head", "hello"}).status == 2);
  CHECK(run({"audit", "verify", folder.file("none")}).status == 5);
}

TEST_CASE("audit_verify_names_the_file_the_line_the_record_and_what_is_wrong") {
  const TemporaryFolder folder;
  const std::string path = folder.file("audit.jsonl");
  write_events(path, 5);
  auto lines = file_lines(path);
  lines[3].replace(lines[3].find("test"), 4, "\x1b[2J");
  lines.erase(lines.begin() + 1);
  overwrite(path, lines);
  const Ran table = run({"audit", "verify", path});
  CHECK(table.status == 3);
  CHECK(table.out.contains(path + ":2"));
  CHECK(table.out.contains("removed"));
  CHECK(table.out.contains("missing before this one: record 2"));
  CHECK_FALSE(table.out.contains("\x1b"));
  CHECK(table.err.contains("the chain is broken"));
  const Ran json = run({"audit", "verify", path, "-o", "json"});
  CHECK(json.status == 3);
  const auto answer = nlohmann::json::parse(json.out);
  CHECK(answer["intact"] == false);
  CHECK(answer["records"] == 3);
  const auto& finding = answer["findings"][0];
  CHECK((finding["fault"] == "removed" && finding["seq"] == 2 && finding["file"] == path && finding["line"] == 2));
  // The changed line is no record at all any more: it has a byte that the log never writes.
  CHECK(answer["findings"].dump().contains("torn"));
}

TEST_CASE("audit_verify_without_a_path_takes_the_log_of_the_configuration_and_wants_its_head_file") {
  const TemporaryFolder folder;
  const std::string path = folder.file("audit.jsonl");
  const std::string config = folder.write("enforcer.yaml", "audit: {path: " + path + "}\n");
  write_events(path, 3);
  CHECK(run({"--config", config, "audit", "verify"}).status == 0);
  std::filesystem::remove(path + ".head");
  const Ran without = run({"--config", config, "audit", "verify"});
  CHECK(without.status == 3);
  CHECK(without.out.contains(path + ".head is missing"));
  const Ran copy = run({"audit", "verify", path});  // a copy need not have one
  CHECK(copy.status == 0);
  CHECK(copy.err.contains("not noticed"));
  const std::string broken = folder.write("broken.yaml", "audit: {path: x}\n");
  CHECK(run({"--config", broken, "audit", "verify"}).status != 0);
  CHECK(run({"--config", broken, "audit", "verify", path}).status == 0);
}

TEST_CASE("audit_export_writes_a_span_that_verifies_by_itself") {
  const TemporaryFolder folder;
  const std::string path = folder.file("audit.jsonl");
  const auto begin = WallClock::time_point(std::chrono::sys_days(std::chrono::year(2025) / 1 / 31));
  write_events(path, 10, begin);
  const Ran all = run({"audit", "export", path});
  CHECK(all.status == 0);
  CHECK(std::ranges::count(all.out, '\n') == 10);
  const Ran span =
      run({"audit", "export", path, "--since", "2025-01-31T00:02:00.000Z", "--until", "2025-01-31T00:06:00.000Z"});
  CHECK(span.status == 0);
  const std::string part = folder.write("part.jsonl", span.out);
  CHECK(file_lines(part).size() == 5);
  const Ran verified = run({"audit", "verify", part, "-o", "json"});
  CHECK(verified.status == 0);
  const auto answer = nlohmann::json::parse(verified.out);
  CHECK((answer["first"] == 3 && answer["records"] == 5 && answer["end"] == "unproven"));
  auto lines = file_lines(part);
  lines.erase(lines.begin() + 2);
  overwrite(part, lines);
  CHECK(run({"audit", "verify", part}).status == 3);
  CHECK(run({"audit", "export", path, "--since", "1h"}).out.empty());
  CHECK(run({"audit", "export", path, "--until", "yesterday"}).status == 2);
  CHECK(run({"audit", "export", folder.file("none")}).status == 5);
}
