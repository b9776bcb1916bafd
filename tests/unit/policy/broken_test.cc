// One broken file for each refusal, with its exact messages beside it: what a person is told is part of the language.
// When a message changes on purpose, read the new one as that person would, and write it into the .expected file.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

const std::string kFolder = ENFORCER_SOURCE_DIR "/tests/unit/policy/broken";

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> broken_files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

TEST_CASE("every_broken_file_is_refused_with_its_exact_messages") {
  for (const std::string& name : broken_files()) {
    CAPTURE(name);
    const std::string text = contents(kFolder + "/" + name + ".yaml");
    CHECK(problems(text, name + ".yaml") == contents(kFolder + "/" + name + ".expected"));
    const SourceText source{name, text};
    const bool only_warned = name == "warnings_only" || name == "no_object";
    CHECK((load({&source, 1}, 1).snapshot != nullptr) == only_warned);
  }
}

TEST_CASE("messages_are_printed_as_they_are_written") {
  // The tool escapes what is not printable ASCII, for it may be hostile; its own words must not be hit by that.
  const auto plain = [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); };
  for (const std::string& name : broken_files()) {
    CAPTURE(name);
    CHECK(std::ranges::all_of(contents(kFolder + "/" + name + ".expected"), plain));
  }
  for (const CodeInfo& info : diagnostic_codes()) CHECK(std::ranges::all_of(info.text, plain));
}

TEST_CASE("every_code_is_provoked_by_a_broken_file") {
  std::string all;
  for (const std::string& name : broken_files()) all += contents(kFolder + "/" + name + ".expected");
  for (const CodeInfo& info : diagnostic_codes()) {
    // Three need no file of their own: what cannot be read has no text (sources_test.cc), a file of more than 1 MiB is
    // made here, and who wrote a file does not stand in it (credentials_test.cc).
    if (info.code == "E0001" || info.code == "E0002" || info.code == "E0218") continue;
    CHECK_MESSAGE(all.find("[" + std::string(info.code) + "]") != std::string::npos, info.code);
  }
}

TEST_CASE("a_text_of_more_than_one_mebibyte_is_refused") {
  std::string text = policy_with("allow: []");
  text += std::string((1 << 20) - text.size() - 1, '#') + "\n";
  CHECK(problems(text).empty());
  CHECK(problems(text + "#") == "p.yaml:1:1: error[E0002]: the file has 1048577 bytes; at most 1048576 are read\n");
}

TEST_CASE("octets_that_are_not_utf8_are_refused") {
  // Not files, because editors and other tools stumble over them too.
  const char* texts[] = {"a: \xc0\xaf", "a: \xff", "a: \xe2\x82", "a: \xed\xa0\x80", "a: \xf4\x90\x80\x80", "a: \x80"};
  for (const char* text : texts) {
    CAPTURE(text);
    CHECK(problems(text).find("p.yaml:1:4: error[E0003]: octet 0x") == 0);
  }
  CHECK(problems(policy_with("allow: []") + "# \xe2\x82\xac \xf0\x9f\x98\x80 is fine\n").empty());
}

TEST_CASE("the_readme_lists_exactly_the_codes_there_are") {
  std::istringstream readme(contents(ENFORCER_SOURCE_DIR "/policies/README.md"));
  std::set<std::string> listed;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("| E0") || line.starts_with("| W0")) listed.insert(line);
  }
  std::set<std::string> known;
  for (const CodeInfo& info : diagnostic_codes())
    known.insert("| " + std::string(info.code) + " | " + std::string(info.text) + " |");
  CHECK(listed == known);
}

TEST_CASE("problems_come_sorted_by_place_whatever_the_order_of_the_files") {
  const SourceText good{"a.yaml", policy_with("allow: [{name: a, to: [a.test]}]", "a")};
  const SourceText bad{"b.yaml", contents(kFolder + "/problems_everywhere.yaml")};
  const SourceText worse{"c.yaml", contents(kFolder + "/kinds.yaml")};
  const auto text = [](const std::vector<SourceText>& sources) {
    const LoadOutcome outcome = load(sources, 1);
    CHECK_FALSE(outcome.snapshot);  // one bad file and nothing is loaded
    std::string all;
    for (const Diagnostic& diagnostic : outcome.diagnostics) all += diagnostic.to_string() + "\n";
    return all;
  };
  const std::string straight = text({good, bad, worse});
  CHECK(straight == text({worse, good, bad}));
  CHECK(straight.find("b.yaml:") < straight.find("c.yaml:"));
}

}  // namespace
}  // namespace enforcer::policy::test
