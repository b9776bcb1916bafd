// What the verbs that need no daemon say about files that are not what somebody thought: tests that fail, no object at
// all, lines that are no records.
#include <doctest/doctest.h>

#include "log_lines.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

std::string policy_text(const std::string& rest) {
  return "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  guests: {matchLabels: {role: "
         "agent}}\n"
         "  allow: [{name: web, to: [a.test]}]\n" +
         rest;
}

}  // namespace

TEST_CASE("explain_answers_about_files_whose_own_test_fails") {
  const TemporaryFolder folder;
  const std::string failing =
      folder.write("failing.yaml", policy_text("  tests: [{connect: 'b.test:443', expect: allow}]\n"));
  const Ran ran = run({"explain", "b.test", "--policy", failing, "-l", "role=agent"});
  CHECK(ran.status == 0);
  CHECK(ran.out.contains("deny"));
  CHECK(ran.err.contains("failing.yaml:7:"));
  CHECK(ran.err.contains("warning[E0212]"));
  CHECK(run({"policy", "check", failing}).status == 3);  // for what is to be enforced it is an error all the same
  const std::string broken =
      folder.write("broken.yaml", policy_text("  tests: [{connect: 'b.test:443', expect: allow}]\n  nope: 1\n"));
  const Ran other = run({"explain", "b.test", "--policy", broken, "-l", "role=agent"});
  CHECK(other.status == 3);
  CHECK(other.out.empty());
  CHECK(other.err.contains("error[E0102]"));
}

TEST_CASE("files_without_an_object_are_told_and_are_findings_where_there_is_nothing_else") {
  const TemporaryFolder folder;
  const std::string good = folder.write("good.yaml", policy_text(""));
  for (const std::string text : {"", "# nothing yet\n", "null\n", "---\n---\n", "~\n"}) {
    CAPTURE(text);
    const std::string file = folder.write("empty.yaml", text);
    const Ran check = run({"policy", "check", file});
    CHECK(check.status == 3);
    CHECK(check.out == file + ":1:1: warning[W0311]: no object in " + file + "\n");
    const Ran test = run({"policy", "test", file});
    CHECK(test.status == 3);
    CHECK(test.err.contains("warning[W0311]"));
    const Ran beside = run({"policy", "check", file, good});
    CHECK(beside.status == 0);
    CHECK(beside.out.contains("warning[W0311]"));
    CHECK(run({"policy", "test", file, good}).status == 0);
  }
  CHECK(run({"policy", "check", good}).out.empty());
}

TEST_CASE("replay_and_export_name_the_lines_that_are_no_records") {
  const TemporaryFolder folder;
  const std::string policy = folder.write("p.yaml", policy_text(""));
  const std::string garbage = folder.write("garbage.jsonl", "garbage\n{\"a\":1}\n");
  const std::string endless = folder.write("endless.jsonl", "garbage");
  const std::vector<std::vector<std::string>> verbs = {
      {"audit", "export", "PATH"},
      {"policy", "replay", "--policy", policy, "--audit", "PATH"},
      {"policy", "diff", policy, "--against", policy, "--audit", "PATH"}};
  for (std::vector<std::string> verb : verbs) {
    CAPTURE(verb[1]);
    verb.back() = garbage;
    const Ran ran = run(verb);
    CHECK(ran.status == 3);
    CHECK(ran.err.contains(garbage + ":1: it is not a record\n"));
    CHECK(ran.err.contains(garbage + ":2: it is not a record\n"));
    CHECK(ran.err.contains("2 lines left out"));
    verb.back() = endless;
    CHECK(run(verb).status == 3);
    verb.back() = folder.write("nothing.jsonl", "");
    const Ran empty = run(verb);
    CHECK(empty.status == 0);
    CHECK_FALSE(empty.err.contains("left out"));
  }
  const std::string mixed = folder.write("mixed.jsonl", "garbage\n" + passed("other.test") + "\n");
  const Ran exported = run({"audit", "export", mixed});
  CHECK(exported.status == 3);
  CHECK(exported.out == passed("other.test") + "\n");
  CHECK(exported.err.contains(mixed + ":1: it is not a record\n"));
}

TEST_CASE("explain_tells_apart_what_matches_and_what_may_match") {
  const TemporaryFolder folder;
  const std::string policy =
      folder.write("p.yaml", policy_text("  deny: [{name: no, to: [a.test], http: [{methods: [PUT]}]}]\n"));
  const Ran host = run({"explain", "a.test", "--policy", policy, "-l", "role=agent"});
  const auto may = host.out.find("rules that may match");
  REQUIRE(may != std::string::npos);
  CHECK(host.out.substr(may).contains("needs to see the request"));
  CHECK(host.out.find("p/no", host.out.find("rules that match")) > may);
  const Ran request = run({"explain", "GET", "https://a.test/", "--policy", policy, "-l", "role=agent"});
  CHECK(request.out.starts_with("decision  allow (intercept)\n"));
  CHECK(request.out.contains("method GET is not in [PUT]"));
  CHECK_FALSE(request.out.contains("passthrough"));
}
