// Each kind of tampering, done to the files of a real log, beside the same log untouched.
#include "audit/verify.h"

#include <algorithm>
#include <functional>

#include "audit/head.h"
#include "scratch.h"

namespace enforcer::audit {
namespace {

using Lined = std::vector<std::string>;

void write_lines(const std::string& path, const Lined& lines) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  for (const std::string& line : lines) file << line << '\n';
}

Verification verified(const std::string& path, std::optional<Head> noted = {}) {
  auto found = verify({.path = path, .noted = noted});
  REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message));
  return *std::move(found);
}

/// "changed 5 at 5": each finding with its record (or records) and its line.
std::vector<std::string> faults(const Verification& found) {
  std::vector<std::string> texts;
  for (const ChainFinding& each : found.findings) {
    const std::string records = each.first == each.last ? std::to_string(each.first)
                                                        : std::to_string(each.first) + "-" + std::to_string(each.last);
    texts.push_back(std::string(label(each.fault)) + " " + records + " at " + std::to_string(each.place.line));
  }
  return texts;
}

/// A log of ten records, closed in good order.
void write_ten(const Folder& folder) {
  const auto log = open_log({.path = folder.log()});
  for (int i = 0; i < 10; ++i) REQUIRE(log->write(some_lines(1)));
  REQUIRE(log->sync());
}

/// The faults that are found after something was done to the ten lines.
std::vector<std::string> after(const std::function<void(Lined&)>& tamper) {
  const Folder folder;
  write_ten(folder);
  Lined lines = lines_of(folder.log());
  const Verification whole = verified(folder.log());
  CHECK(whole.findings.empty());
  CHECK((whole.records == 10 && whole.first == 1 && whole.head.seq == 10 && whole.end == Verification::End::kProven));
  tamper(lines);
  write_lines(folder.log(), lines);
  return faults(verified(folder.log()));
}

std::string replaced(std::string line, std::string_view what, std::string_view with) {
  const auto at = line.find(what);
  REQUIRE(at != std::string::npos);
  return line.replace(at, what.size(), with);
}

/// The line with its hash made anew, as somebody would who knows how.
std::string rehashed(const std::string& line) {
  Hasher hasher;
  std::string body = line.substr(0, line.size() - kLinkBytes);
  const auto link = parse_link(line, hasher);
  REQUIRE(link.has_value());
  append_links(body, 0, link->seq, link->prev, hasher);
  return body;
}

/// A record of any number that goes on from `before`, as good as the writer's own.
std::string forged(std::uint64_t seq, const std::string& before) {
  Hasher hasher;
  std::string line = R"({"schema_version":1,"seq":)" + std::to_string(seq) +
                     R"(,"time":"2025-01-31T12:00:00.000000Z","type":"event","event":"forged")";
  append_links(line, 0, seq, parse_link(before, hasher)->hash, hasher);
  return line;
}

using Faults = std::vector<std::string>;

TEST_CASE("a_changed_record_is_named") {
  for (const std::size_t index : {0U, 4U, 9U}) {
    CAPTURE(index);
    const std::string number = std::to_string(index + 1);
    CHECK(after([&](Lined& lines) { lines[index] = replaced(lines[index], "\"test\"", "\"nest\""); }) ==
          Faults{"changed " + number + " at " + number});
  }
  // Its links, and several records at once.
  for (const std::size_t from_end : {kLinkBytes - 20, std::size_t{20}}) {
    CHECK(after([&](Lined& lines) {
            char& c = lines[4][lines[4].size() - from_end];
            c = c == 'x' ? 'y' : 'x';
          }) == Faults{"changed 5 at 5"});
  }
  CHECK(after([](Lined& lines) { lines[4] = replaced(lines[4], "\"prev\"", "\"then\""); }) ==
        Faults{"inserted 0 at 5", "removed 5 at 6"});
  CHECK(after([](Lined& lines) {
          for (const std::size_t index : {3U, 4U, 7U}) lines[index] = replaced(lines[index], "\"test\"", "\"nest\"");
        }) == Faults{"changed 4 at 4", "changed 5 at 5", "changed 8 at 8"});
}

TEST_CASE("a_changed_number_does_not_hide_where_the_record_stands") {
  CHECK(after([](Lined& lines) { lines[4] = replaced(lines[4], "\"seq\":5", "\"seq\":77"); }) ==
        Faults{"changed 5 at 5"});
}

TEST_CASE("a_changed_record_whose_hash_was_made_anew_is_named_by_the_next_one") {
  const auto with_hash = [](std::size_t index) {
    return after([&](Lined& lines) { lines[index] = rehashed(replaced(lines[index], "\"test\"", "\"nest\"")); });
  };
  CHECK(with_hash(0) == Faults{"changed 1 at 1"});
  CHECK(with_hash(4) == Faults{"changed 5 at 5"});
  CHECK(with_hash(9) == Faults{"changed 10 at 10"});  // which is not what the head file says
}

TEST_CASE("removed_records_are_named") {
  CHECK(after([](Lined& lines) { lines.erase(lines.begin() + 4); }) == Faults{"removed 5 at 5"});
  CHECK(after([](Lined& lines) { lines.erase(lines.begin() + 4, lines.begin() + 7); }) == Faults{"removed 5-7 at 5"});
  CHECK(after([](Lined& lines) {
          lines.erase(lines.begin() + 7);
          lines.erase(lines.begin() + 2);
        }) == Faults{"removed 3 at 3", "removed 8 at 7"});
  CHECK(after([](Lined& lines) { lines.pop_back(); }) == Faults{"removed 10 at 9"});
  CHECK(after([](Lined& lines) { lines.resize(6); }) == Faults{"removed 7-10 at 6"});
  CHECK(after([](Lined& lines) { lines.clear(); }) == Faults{"removed 1-10 at 0"});
}

TEST_CASE("a_removed_record_whose_place_was_taken_is_noticed") {
  CHECK(after([](Lined& lines) { lines[4] = forged(5, lines[3]); }) == Faults{"changed 5 at 5"});
}

TEST_CASE("inserted_records_are_named") {
  CHECK(after([](Lined& lines) { lines.insert(lines.begin() + 5, lines[2]); }) == Faults{"inserted 3 at 6"});
  CHECK(after([](Lined& lines) { lines.insert(lines.begin() + 5, lines[4]); }) ==
        Faults{"inserted 5 at 5"});  // or the other one
  CHECK(after([](Lined& lines) { lines.insert(lines.begin() + 5, forged(6, lines[4])); }) == Faults{"inserted 6 at 6"});
  CHECK(after([](Lined& lines) { lines.insert(lines.begin() + 5, forged(99, lines[4])); }) ==
        Faults{"inserted 99 at 6"});
  CHECK(after([](Lined& lines) {
          lines.insert(lines.begin() + 5, replaced(forged(6, lines[4]), "forged", "edited"));
        }) == Faults{"inserted 6 at 6"});
  CHECK(after([](Lined& lines) { lines.insert(lines.begin() + 5, "hello"); }) == Faults{"torn 0 at 6"});
  CHECK(after([](Lined& lines) { lines.push_back(lines[2]); }) == Faults{"inserted 3 at 11"});
}

TEST_CASE("reordered_records_are_named") {
  CHECK(after([](Lined& lines) { std::swap(lines[4], lines[5]); }) == Faults{"reordered 6 at 5"});
  CHECK(after([](Lined& lines) { std::rotate(lines.begin() + 2, lines.begin() + 5, lines.begin() + 7); }) ==
        Faults{"reordered 6-7 at 3"});
  CHECK(after([](Lined& lines) { std::rotate(lines.begin(), lines.begin() + 1, lines.end()); }) ==
        Faults{"reordered 1 at 10"});
}

TEST_CASE("a_record_appended_by_somebody_else_shows_once_the_log_goes_on") {
  const Folder folder;
  const auto log = open_log({.path = folder.log()});
  REQUIRE(log->write(some_lines(3)));
  std::ofstream(folder.log(), std::ios::app) << forged(4, lines_of(folder.log()).back()) << '\n';
  REQUIRE(log->write(some_lines(1)));
  REQUIRE(log->sync());
  CHECK(faults(verified(folder.log())) == Faults{"inserted 4 at 4"});
}

TEST_CASE("the_chain_goes_on_over_rotation_and_what_was_rotated_away_is_no_finding") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 4096, .max_files = 4});
  for (int i = 0; i < 60; ++i) REQUIRE(log->write(some_lines(1, 200)));
  REQUIRE(log->sync());
  const Verification whole = verified(folder.log());
  CHECK(faults(whole).empty());
  CHECK((whole.first > 1 && whole.head.seq == 60 && whole.records == 61 - whole.first));
  CHECK(whole.files ==
        std::vector<std::string>{folder.log() + ".3", folder.log() + ".2", folder.log() + ".1", folder.log()});

  // A whole file that is gone from the middle is one thing, the oldest another.
  const std::size_t in_oldest = lines_of(folder.log() + ".3").size();
  const std::size_t in_middle = lines_of(folder.log() + ".2").size();
  std::filesystem::rename(folder.log() + ".2", folder.path() + "/aside");
  const Verification without = verified(folder.log());
  REQUIRE(without.findings.size() == 1);
  CHECK(without.findings[0].fault == ChainFault::kRemoved);
  CHECK(without.findings[0].first == whole.first + in_oldest);
  CHECK(without.findings[0].last == whole.first + in_oldest + in_middle - 1);
  CHECK(without.files[without.findings[0].place.file] == folder.log() + ".1");
  CHECK(without.findings[0].place.line == 1);
  std::filesystem::rename(folder.path() + "/aside", folder.log() + ".2");
  std::filesystem::remove(folder.log() + ".3");
  CHECK(faults(verified(folder.log())).empty());
  // The first record that is left vouches for itself.
  Lined lines = lines_of(folder.log() + ".2");
  lines[0] = replaced(lines[0], "\"test\"", "\"nest\"");
  write_lines(folder.log() + ".2", lines);
  CHECK(faults(verified(folder.log())).size() == 1);
}

TEST_CASE("the_chain_goes_on_over_restarts") {
  const Folder folder;
  for (int run = 0; run < 3; ++run) REQUIRE(open_log({.path = folder.log()})->write(some_lines(4)));
  CHECK(faults(verified(folder.log())).empty());
  CHECK(records_of(folder.log()).size() == 12);
}

TEST_CASE("a_log_that_was_cut_is_noticed_at_the_next_start_and_its_numbers_do_not_go_back") {
  const Folder folder;
  write_ten(folder);
  Lined lines = lines_of(folder.log());
  lines.resize(6);
  write_lines(folder.log(), lines);
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  const auto records = records_of(folder.log());
  REQUIRE(records.size() == 8);
  CHECK(records[6]["event"] == "audit_chain_broken");
  CHECK(records[6]["seq"] == 11);
  CHECK(records[6]["count"] == 4);
  CHECK(records[6]["detail"] == "the log ends with record 6, but record 10 was written");
  CHECK(faults(verified(folder.log())) == Faults{"removed 7-10 at 7"});
}

TEST_CASE("one_record_that_is_gone_is_told_from_none") {
  const Folder folder;
  write_ten(folder);
  Lined lines = lines_of(folder.log());
  lines.resize(9);
  write_lines(folder.log(), lines);
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(records_of(folder.log())[9]["detail"] == "the log ends with record 9, but record 10 was written");
  CHECK_FALSE(records_of(folder.log())[9].contains("count"));  // as of every event: 1 is left out
}

TEST_CASE("a_forged_last_record_does_not_rewind_the_numbers") {
  const Folder folder;
  write_ten(folder);
  std::ofstream(folder.log(), std::ios::app) << forged(2, lines_of(folder.log()).front()) << '\n';
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  const auto records = records_of(folder.log());
  CHECK(records[11]["event"] == "audit_chain_broken");
  CHECK(records[11]["seq"] == 11);
  CHECK(faults(verified(folder.log())) == Faults{"inserted 2 at 11"});
}

TEST_CASE("a_last_record_made_anew_is_noticed_at_the_next_start") {
  const Folder folder;
  write_ten(folder);
  Lined lines = lines_of(folder.log());
  lines[9] = rehashed(replaced(lines[9], "\"test\"", "\"nest\""));
  write_lines(folder.log(), lines);
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(records_of(folder.log())[10]["detail"] == "record 10 is not the one that was written");
  CHECK(records_of(folder.log())[10]["count"] == 0);
  CHECK(faults(verified(folder.log())) == Faults{"changed 10 at 10"});
}

TEST_CASE("a_log_without_its_head_file_is_one_from_which_it_was_taken") {
  const Folder folder;
  write_ten(folder);
  std::filesystem::remove(head_file_name(folder.log()));
  CHECK(faults(verified(folder.log())) == Faults{"removed 0 at 0"});
  const auto copy = verify({.path = folder.log(), .head_file = VerifyOptions::HeadFile::kOptional});
  REQUIRE(copy.has_value());
  CHECK((copy->findings.empty() && copy->end == Verification::End::kUnproven));
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(records_of(folder.log())[10]["event"] == "audit_chain_broken");
  CHECK(faults(verified(folder.log())).empty());  // there is one again, and the event says since when
}

TEST_CASE("a_head_file_that_says_something_else_is_a_finding_and_no_reason_not_to_start") {
  const Folder folder;
  write_ten(folder);
  for (const char* text : {"", "10", "hello\n", "10:x\n"}) {
    CAPTURE(text);
    std::ofstream(head_file_name(folder.log())) << text;
    CHECK(faults(verified(folder.log())) == Faults{"changed 0 at 0"});
  }
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(records_of(folder.log())[10]["event"] == "audit_chain_broken");
}

TEST_CASE("the_first_start_of_all_and_a_clean_one_say_nothing") {
  const Folder folder;
  for (int run = 0; run < 2; ++run) {
    const auto log = open_log({.path = folder.log()});
    if (run > 0) REQUIRE(log->write(some_lines(2)));
    REQUIRE(log->sync());
  }
  for (const auto& record : records_of(folder.log())) CHECK(record["event"] == "test");
  CHECK(faults(verified(folder.log())).empty());
}

TEST_CASE("records_that_were_written_after_the_last_sync_are_no_finding") {
  const Folder folder;
  {
    const auto log = open_log({.path = folder.log()});
    REQUIRE(log->write(some_lines(3)));
    REQUIRE(log->sync());
    REQUIRE(log->write(some_lines(3)));  // then it is killed
  }
  CHECK(read_head(folder.log())->value().seq == 3);
  CHECK(faults(verified(folder.log())).empty());
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(records_of(folder.log()).back()["event"] == "test");
}

TEST_CASE("a_torn_line_is_a_finding_until_the_log_accounts_for_it") {
  const Folder folder;
  write_ten(folder);
  std::ofstream(folder.log(), std::ios::app) << R"({"schema_version":1,"seq":11,"time":"20)";
  CHECK(faults(verified(folder.log())) == Faults{"torn 0 at 11"});
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  const Verification after_start = verified(folder.log());
  CHECK(faults(after_start).empty());
  CHECK(after_start.torn == 1);
  CHECK(after_start.head.seq == 12);
}

TEST_CASE("a_log_torn_in_its_first_line_is_gone_on_with") {
  const Folder folder;
  open_log({.path = folder.log()});
  std::ofstream(folder.log()) << R"({"schema_ver)";
  REQUIRE(open_log({.path = folder.log()})->write(some_lines(1)));
  CHECK(faults(verified(folder.log())).empty());
}

TEST_CASE("a_noted_head_is_looked_for") {
  const Folder folder;
  const auto log = open_log({.path = folder.log(), .max_bytes = 4096, .max_files = 3});
  REQUIRE(log->write(some_lines(5)));
  REQUIRE(log->sync());
  const Head noted = verified(folder.log()).head;
  CHECK(noted.seq == 5);
  REQUIRE(log->write(some_lines(3)));
  REQUIRE(log->sync());
  CHECK(faults(verified(folder.log(), noted)).empty());
  CHECK(faults(verified(folder.log(), Head{4, noted.hash})) == Faults{"changed 4 at 4"});
  CHECK(faults(verified(folder.log(), Head{20, noted.hash})) == Faults{"removed 9-20 at 8"});
  // The whole log made anew, head file and all: only the noted head tells.
  const Folder other;
  const auto anew = open_log({.path = other.log()});
  REQUIRE(anew->write(some_lines(8)));
  REQUIRE(anew->sync());
  CHECK(faults(verified(other.log())).empty());
  CHECK(faults(verified(other.log(), noted)) == Faults{"changed 5 at 5"});
  // Rotated away: it cannot be compared, and that is said.
  for (int i = 0; i < 60; ++i) REQUIRE(log->write(some_lines(1, 200)));
  REQUIRE(log->sync());
  const Verification later = verified(folder.log(), noted);
  REQUIRE(later.first > 6);
  CHECK(faults(later) == Faults{"removed 5 at 1"});
}

TEST_CASE("a_part_of_a_log_is_checked_by_itself") {
  const Folder folder;
  write_ten(folder);
  const Lined lines = lines_of(folder.log());
  const std::string part = folder.path() + "/part.jsonl";
  write_lines(part, Lined(lines.begin() + 3, lines.begin() + 8));
  const VerifyOptions options{.path = part, .head_file = VerifyOptions::HeadFile::kOptional};
  CHECK(verify(options)->findings.empty());
  CHECK(verify(options)->first == 4);
  write_lines(part, {lines[3], lines[4], lines[6]});
  CHECK(faults(*verify(options)) == Faults{"removed 6 at 3"});
}

TEST_CASE("too_much_that_is_wrong_ends_the_search") {
  const Folder folder;
  {
    const auto log = open_log({.path = folder.log()});
    for (int i = 0; i < 30; ++i) REQUIRE(log->write(some_lines(100)));
    REQUIRE(log->sync());
  }
  Lined lines = lines_of(folder.log());
  for (std::string& line : lines) line = replaced(line, "\"test\"", "\"nest\"");
  write_lines(folder.log(), lines);
  const Verification found = verified(folder.log());
  CHECK(found.end == Verification::End::kNotReached);
  CHECK(found.findings.size() == 1000);
  CHECK((found.findings.front().place.line == 1 && found.findings.back().place.line == 1000));
  // Backwards, every link is broken.
  std::ranges::reverse(lines = lines_of(folder.log()));
  write_lines(folder.log(), lines);
  CHECK_FALSE(verified(folder.log()).findings.empty());
}

TEST_CASE("no_log_is_not_found_and_a_fifo_is_refused") {
  const Folder folder;
  CHECK(verify({.path = folder.log()}).error().code == Errc::kNotFound);
  CHECK(verify({.path = folder.path()}).error().code == Errc::kInvalid);
}

}  // namespace
}  // namespace enforcer::audit
