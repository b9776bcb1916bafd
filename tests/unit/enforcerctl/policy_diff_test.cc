// policy diff: texts against texts, and decisions against decisions.
#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "../temporary_folder.h"
#include "enforcerctl/policy_difference.h"
#include "enforcerctl/text_diff.h"
#include "log_lines.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

std::string spec_of(std::string_view host) {
  return fmt::format(
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: agent}}\nspec:\n  guests: {{matchLabels: {{role: "
      "agent}}}}\n  allow: [{{name: a, to: [{}]}}]\n",
      host);
}

std::string difference(std::string_view before, std::string_view after) {
  return unified_diff({"a", before}, {"b", after});
}

/// Ten texts of few different lines, so that they have much and little in common.
std::vector<std::string> texts() {
  std::vector<std::string> all{"", "x\n", "y\n"};
  unsigned seed = 7;
  for (int i = 0; i < 12; ++i) {
    std::string text;
    for (int line = 0; line < 5 + 3 * i; ++line) {
      seed = seed * 1103515245 + 12345;
      text += std::string(1, static_cast<char>('a' + (seed >> 16) % 4)) + "\n";
    }
    all.push_back(text);
  }
  return all;
}

}  // namespace

TEST_CASE("a_difference_is_in_the_unified_format") {
  CHECK(difference("a\nb\n", "a\nb\n").empty());
  CHECK(difference("a\nb", "a\nb\n").empty());
  CHECK(difference("", "a\nb\n") == "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  CHECK(difference("a\n", "") == "--- a\n+++ b\n@@ -1 +0,0 @@\n-a\n");
  CHECK(difference("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n") ==
        "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
  // Two changes seven lines apart share no line of context; six apart they are one.
  CHECK(difference("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n") ==
        "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
  CHECK(difference("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n") ==
        "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
}

TEST_CASE("patch_makes_the_one_text_of_the_other") {
  if (std::system("command -v patch > /dev/null") != 0) {
    fmt::print("SKIP: there is no patch(1) here\n");
    return;
  }
  const TemporaryFolder folder;
  int asked = 0;
  for (const std::string& before : texts()) {
    for (const std::string& after : texts()) {
      const std::string text = difference(before, after);
      CHECK(text.empty() == (before == after));
      if (text.empty() || asked++ % 5 != 0) continue;  // a process each
      const std::string file = folder.write("text", before);
      const std::string patch = folder.write("patch", text);
      REQUIRE(std::system(("patch -s " + file + " " + patch + " > /dev/null").c_str()) == 0);
      std::ifstream stream(file);
      CHECK(std::string{std::istreambuf_iterator<char>(stream), {}} == after);
    }
  }
}

TEST_CASE("objects_are_compared_by_kind_and_name_wherever_they_stand") {
  const auto object = [](std::string name, std::string file, std::string text) {
    return policy::ObjectText{
        .kind = "Policy", .name = std::move(name), .file = std::move(file), .line = 3, .text = std::move(text)};
  };
  const Objects before{object("a", "x.yaml", "same\n"), object("b", "x.yaml", "old\n"),
                       object("c", "x.yaml", "gone\n")};
  const Objects given{object("b", "y.yaml", "new\n"), object("a", "z.yaml", "same\n"), object("d", "y.yaml", "more\n")};
  const auto all = differences(before, "generation 5", given, "new");
  REQUIRE(all.size() == 3);
  CHECK(all[0].name + " " + all[0].change == "b changed");
  CHECK(all[0].text.starts_with("--- Policy/b (generation 5: x.yaml:3)\n+++ Policy/b (new: y.yaml:3)\n@@"));
  CHECK(all[1].name + " " + all[1].change == "c removed");
  CHECK(all[2].name + " " + all[2].change == "d added");
  const Objects after = with_replaced(before, given);
  CHECK(after.size() == 4);
  CHECK(differences(before, "", after, "").size() == 2);
  CHECK(sources_of(before)[0].text == "\n\nsame\n");
}

TEST_CASE("policy_diff_of_files_shows_text_and_asks_no_daemon") {
  const TemporaryFolder folder;
  const std::string old_file = folder.write("old.yaml", spec_of("old.test"));
  const std::string new_file = folder.write("new.yaml", spec_of("new.test"));
  const Ran ran = run({"policy", "diff", new_file, "--against", old_file});
  CHECK(ran.status == 3);
  CHECK(ran.out.contains("-  allow: [{name: a, to: [old.test]}]\n+  allow: [{name: a, to: [new.test]}]\n"));
  CHECK(ran.err.contains("1 object differs\n"));
  CHECK_FALSE(ran.err.contains("asked again"));
  const Ran same = run({"policy", "diff", old_file, "--against", old_file});
  CHECK(same.status == 0);
  CHECK(same.out.empty());
  CHECK(run({"policy", "diff", "--against", old_file}).status == 2);
  const std::string bad = folder.write("bad.yaml", spec_of("new.test") + "  alow: []\n");
  const Ran broken = run({"policy", "diff", bad, "--against", old_file});
  CHECK(broken.status == 3);
  CHECK(broken.err.contains("bad.yaml:7:3: error[E0102]"));
}

TEST_CASE("policy_diff_shows_the_texts_of_a_set_that_decides_nothing") {
  const TemporaryFolder folder;
  const std::string old_file = folder.write("old.yaml", spec_of("old.test"));
  const std::string new_file = folder.write("new.yaml", spec_of("new.test"));
  const std::string bad = folder.write("bad.yaml", spec_of("new.test") + "  alow: []\n");
  const std::string log = folder.write("audit.jsonl", passed("old.test") + "\n");
  const auto compare = [&](const std::string& file, const std::string& audit, std::vector<std::string> more) {
    more.insert(more.begin(), {"policy", "diff", file, "--against", old_file, "--audit", audit, "--since",
                               "2026-01-01T00:00:00.000Z"});
    return run(more);
  };
  const Ran broken = compare(bad, log, {});
  CHECK(broken.status == 3);
  CHECK(broken.out.contains("+  alow: []\n"));
  CHECK_FALSE(broken.err.contains("asked again"));
  const auto invalid = nlohmann::json::parse(compare(bad, log, {"-o", "json"}).out);
  CHECK(invalid["valid"] == false);
  CHECK(invalid["objects"].size() == 1);
  CHECK_FALSE(invalid.contains("decisions"));
  // A set that does not load is a finding even beside itself.
  CHECK(run({"policy", "diff", bad, "--against", bad}).status == 3);

  const std::string nowhere = folder.file("nowhere.jsonl");
  const Ran unread = compare(new_file, nowhere, {});
  CHECK(unread.status == 5);
  CHECK(unread.out.contains("+  allow: [{name: a, to: [new.test]}]\n"));
  CHECK(unread.err.contains("nowhere.jsonl"));
  const auto unasked = nlohmann::json::parse(compare(new_file, nowhere, {"-o", "json"}).out);
  CHECK(unasked["valid"] == true);
  CHECK(unasked["objects"].size() == 1);
  CHECK_FALSE(unasked.contains("decisions"));
  const auto asked = nlohmann::json::parse(compare(new_file, log, {"-o", "json"}).out);
  CHECK(asked["valid"] == true);
  CHECK(asked["decisions"]["changed"] == 1);
}

TEST_CASE("policy_diff_says_why_the_configuration_does_not_load") {
  FakeDaemon daemon;
  daemon.locked()->texts = {{5, {}}};
  const std::string config = daemon.folder.write("enforcer.yaml", "wrokers: 2\n");
  const Ran ran = run_with(daemon, {"policy", "diff", "--config", config});
  CHECK(ran.status == 3);
  CHECK(ran.err.contains("the configuration does not load (with FILE it is not needed)\n"));
  CHECK(ran.err.contains("enforcer.yaml:1:1: error"));
}

TEST_CASE("policy_diff_shows_the_decisions_that_would_be_others") {
  const TemporaryFolder folder;
  const std::string log =
      folder.write("audit.jsonl", passed("old.test") + "\n" + passed("old.test") + "\n" + passed("never.test") + "\n");
  const std::string old_file = folder.write("old.yaml", spec_of("old.test"));
  const std::string new_file = folder.write("new.yaml", spec_of("new.test"));
  const std::vector<std::string> ask{
      "policy", "diff", new_file, "--against", old_file, "--audit", log, "--since", "2026-01-01T00:00:00.000Z"};
  const Ran ran = run(ask);
  CHECK(ran.status == 3);
  CHECK(ran.out.contains("old.test:443"));
  // What came of it counts for nothing: neither set allows never.test.
  CHECK_FALSE(ran.out.contains("never.test"));
  CHECK(ran.err.contains("3 decisions asked again: 1 the same, 2 changed, 0 unknown"));
  auto asked = ask;
  asked.insert(asked.end(), {"-o", "json"});
  const auto json = nlohmann::json::parse(run(asked).out);
  CHECK(json["objects"][0]["change"] == "changed");
  CHECK(json["decisions"]["changed"] == 2);
  CHECK(json["decisions"]["changes"][0]["was"] == "allow");
  CHECK(json["decisions"]["changes"][0]["would_be"] == "deny");
}

TEST_CASE("policy_diff_against_what_is_in_force_keeps_what_is_not_named") {
  FakeDaemon daemon;
  control::PolicyText other{.kind = "Policy", .name = "other", .file = "/etc/o.yaml", .text = spec_of("o.test")};
  other.text.replace(other.text.find("name: agent"), 11, "name: other");
  daemon.locked()->texts = {
      {5, {{.kind = "Policy", .name = "agent", .file = "/etc/a.yaml", .text = spec_of("old.test")}, other}}};
  daemon.folder.write("audit.jsonl", "");
  const std::string file = daemon.folder.write("new.yaml", spec_of("new.test"));
  const Ran ran = run_with(daemon, {"policy", "diff", file});
  CHECK_MESSAGE(ran.status == 3, ran.err);
  CHECK(ran.out.contains("--- Policy/agent (generation 5: /etc/a.yaml:1)"));
  CHECK_FALSE(ran.out.contains("Policy/other"));
  CHECK(ran.err.contains("0 decisions asked again"));
  // A word behind --against is a file, whatever it is.
  CHECK(run_with(daemon, {"policy", "diff", file, "--against", "applied"}).status == 3);
}
