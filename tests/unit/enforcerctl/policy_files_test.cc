// Policy files as people name them: what cannot be read is told like everything else that is wrong, by every verb
// alike.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "redirected.h"
#include "run_with.h"

using namespace enforcer;
using namespace enforcer::control::testing;
using namespace enforcer::ctl::testing;

namespace {

constexpr std::string_view kWell = R"(apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agent}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - {name: api, to: [api.test]}
)";

/// A folder with a good file, one that is wrong, and three that cannot be read.
class MixedFolder {
 public:
  MixedFolder() {
    (void)folder_.write("good.yaml", kWell);
    (void)folder_.write("unknown.yaml", "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: u}\nspc: {}\n");
    (void)folder_.write("huge.yaml", "");
    std::filesystem::resize_file(path("huge.yaml"), 25 << 20);
    REQUIRE(symlink("nowhere", path("link.yaml").c_str()) == 0);
    REQUIRE(mkfifo(path("pipe.yaml").c_str(), 0600) == 0);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::string folder() const { return folder_.file(""); }

 private:
  TemporaryFolder folder_;
};

bool needs_no_escape(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

}  // namespace

TEST_CASE("policy_check_tells_all_problems_of_all_files_at_once") {
  const MixedFolder mixed;
  const Ran ran = run({"policy", "check", mixed.folder()});
  CHECK(ran.status == 3);
  CHECK(ran.out.contains("huge.yaml:1:1: error[E0002]: the file has 26214400 bytes; at most 1048576 are read\n"));
  CHECK(ran.out.contains("link.yaml:1:1: error[E0001]: No such file or directory\n"));
  CHECK(ran.out.contains("pipe.yaml:1:1: error[E0001]: is neither a regular file nor a folder\n"));
  CHECK(ran.out.contains("unknown.yaml:4:1: error[E0102]: unknown key 'spc'"));
  CHECK(ran.err.contains("2 files checked: "));

  const Ran named =
      run({"policy", "check", mixed.path("good.yaml"), mixed.path("none.yaml"), mixed.path("unknown.yaml")});
  CHECK(named.status == 3);
  CHECK(named.out.contains("none.yaml:1:1: error[E0001]: No such file or directory\n"));
  CHECK(named.out.contains("unknown.yaml:4:1: error[E0102]"));
  CHECK(run({"policy", "check", mixed.path("good.yaml")}).status == 0);  // the control

  const auto json = nlohmann::json::parse(run({"policy", "check", mixed.folder(), "-o", "json"}).out);
  CHECK(json["valid"] == false);
  const auto has = [&](std::string_view code) {
    return std::ranges::any_of(json["diagnostics"], [&](const auto& one) { return one["code"] == code; });
  };
  for (const char* code : {"E0001", "E0002", "E0102"}) CHECK(has(code));
}

TEST_CASE("policies_that_do_not_load_are_findings_for_every_verb") {
  const MixedFolder mixed;
  const TemporaryFolder other;
  const std::string broken = other.write("broken.yaml", "a: [\n");
  const std::string good = mixed.path("good.yaml");
  (void)mkdir(other.file("empty").c_str(), 0700);
  for (const std::string& bad : {mixed.path("huge.yaml"), mixed.path("none.yaml"), other.file("empty"), broken}) {
    CAPTURE(bad);
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"policy", "check", bad},
             {"policy", "test", bad},
             {"policy", "fmt", bad},
             {"policy", "fmt", "--check", bad},
             {"policy", "diff", bad, "--against", good},
             {"policy", "diff", good, "--against", bad},
             {"policy", "replay", "--policy", bad, "--audit", "/dev/null"},
             {"explain", "api.test", "--policy", bad},
         }) {
      CAPTURE(words[1]);
      const Ran ran = run(words);
      CHECK(ran.status == 3);
      CHECK((ran.out + ran.err).contains(": error[E000"));
    }
  }
  // Before any daemon is asked.
  CHECK(run({"policy", "apply", mixed.path("none.yaml"), "--socket", "/nonexistent/s"}).status == 3);
  CHECK(run({"policy", "apply", good, "--socket", "/nonexistent/s"}).status == 1);
}

TEST_CASE("a_configuration_that_does_not_load_is_a_finding") {
  const TemporaryFolder folder;
  const std::string broken = folder.write("enforcer.yaml", "instanc: x\n");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"guest", "list"}, {"status"}, {"image", "list"}, {"doctor"}}) {
    auto with = words;
    with.insert(with.end(), {"--config", broken});
    const Ran ran = run(with);
    CHECK(ran.status == 3);
    CHECK(ran.err.contains("enforcer.yaml:1:1: error[E0102]: unknown key 'instanc'"));
  }
}

TEST_CASE("links_and_pipes_are_policy_files_like_others") {
  const TemporaryFolder folder;
  const std::string real = folder.write("real.yaml", kWell);
  const std::string link = folder.file("link.yaml");
  REQUIRE(symlink(real.c_str(), link.c_str()) == 0);
  CHECK(run({"policy", "check", link}).status == 0);
  CHECK(run({"policy", "test", link}).status == 0);
  CHECK(run({"policy", "fmt", link}).out == kWell);
  CHECK(run({"policy", "diff", link, "--against", real}).status == 0);
  CHECK(run({"explain", "api.test", "-l", "role=agent", "--policy", link, "--exit-code"}).status == 0);
  {
    const Redirected with(real, folder.file("unused"));
    CHECK(run({"policy", "check", "/dev/stdin"}).status == 0);
  }

  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::thread writer([end = ends[1]] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(write(end, kWell.data(), kWell.size()) == static_cast<ssize_t>(kWell.size()));
    close(end);
  });
  const Ran piped = run({"policy", "check", "/dev/fd/" + std::to_string(ends[0])});
  writer.join();
  close(ends[0]);
  CHECK(piped.status == 0);
  CHECK(piped.err.contains("1 file checked: 0 errors, 0 warnings"));
}

TEST_CASE("policy_fmt_rewrites_what_a_link_leads_to") {
  const TemporaryFolder folder;
  const std::string real = folder.write("real.yaml", std::string(kWell) + "\n\n\n");
  const std::string link = folder.file("link.yaml");
  REQUIRE(symlink("real.yaml", link.c_str()) == 0);
  CHECK(run({"policy", "fmt", "-w", link}).status == 0);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_file(real) == kWell);
}

TEST_CASE("messages_are_printed_as_they_are_written") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", "a: &x 1\nb: *x\nc: !t 1\n");
  const Ran ran = run({"policy", "check", file});
  CHECK(ran.out.contains("error[E0006]: an anchor ('&...'); leave it out"));
  CHECK(ran.out.contains("error[E0006]: an alias ('*...'); write it out"));
  CHECK(ran.out.contains("error[E0006]: a tag ('!...'); leave it out"));
  CHECK(needs_no_escape(ran.out));
  CHECK_FALSE(ran.out.contains("\\x"));
  const std::string umlaut = folder.write("u.yaml", std::string(kWell) +
                                                        "  deny: [{name: b, to: [b\xc3\xbc"
                                                        "cher.test]}]\n");
  const Ran host = run({"policy", "check", umlaut});
  CHECK(host.out.contains("write the A-label form: xn--..."));
  const Ran preset = run({"preset", "show", "npm", "--set", "hosts"});
  CHECK(preset.status == 2);
  CHECK(preset.err.contains("'hosts' is not NAME=VALUE,..."));
}

TEST_CASE("policy_files_are_named_by_place_or_with_f") {
  const TemporaryFolder folder;
  const std::string one = folder.write("one.yaml", kWell);
  const std::string two = folder.write("two.yaml", "a: 1\n");
  for (const char* verb : {"check", "test", "fmt", "diff", "apply"}) {
    CAPTURE(verb);
    const std::vector<std::string> rest{"--socket", "/nonexistent/s"};
    const auto with = [&](std::vector<std::string> words) {
      words.insert(words.begin(), {"policy", verb});
      words.insert(words.end(), rest.begin(), rest.end());
      return run(words);
    };
    const Ran placed = with({one, two});
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"-f", one, "-f", two}, {"-f", one, two}, {"--filename=" + one, two}}) {
      const Ran named = with(words);
      CHECK(named.status == placed.status);
      CHECK(named.out == placed.out);
    }
    const Redirected input(one, folder.file("unused"));
    const Ran piped = with({"-f", "-"});
    const Ran file = with({one});
    CHECK(piped.status == file.status);
  }
  CHECK(run({"policy", "check"}).err.contains("FILE is required"));
}

TEST_CASE("jsonl_has_one_item_on_each_line") {
  const TemporaryFolder folder;
  const std::string wrong =
      folder.write("p.yaml", "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: a}\nspc: {}\n");
  const auto lines = [](const std::string& text) {
    std::vector<nlohmann::json> out;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  };
  const auto problems = lines(run({"policy", "check", wrong, "-o", "jsonl"}).out);
  REQUIRE(problems.size() == 2);
  CHECK(problems[0]["code"] == "E0103");
  CHECK(problems[1]["code"] == "E0102");
  CHECK(lines(run({"policy", "test", wrong, "-o", "jsonl"}).out).size() == 2);
  const std::string tested = folder.write("t.yaml", std::string(kWell) +
                                                        "  tests:\n"
                                                        "    - {connect: \"api.test:443\", expect: allow}\n"
                                                        "    - {connect: \"b.test:443\", expect: deny}\n");
  const auto tests = lines(run({"policy", "test", tested, "-o", "jsonl"}).out);
  REQUIRE(tests.size() == 2);
  CHECK(tests[0]["question"] == "api.test:443");
  CHECK(tests[1]["result"] == "passed");
}

TEST_CASE("every_bad_entry_of_a_list_is_told_and_numbers_are_called_numbers") {
  const TemporaryFolder folder;
  const std::string file = folder.write("p.yaml", R"(apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agent}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - {name: a, to: [a..b, "*.com", "x:99999", 10.0.0.0/8]}
  deny: 5
  review: -1.5
)");
  const std::string out = run({"policy", "check", file}).out;
  for (const char* problem :
       {":7:22: error[E0201]", ":7:28: error[E0203]", ":7:37: error[E0204]", ":7:48: error[E0205]",
        "deny must be a list, but here is a number", "review must be a list, but here is a number"}) {
    CAPTURE(problem);
    CHECK(out.contains(problem));
  }
}

TEST_CASE("verdicts_have_colours_on_a_terminal_only") {
  class Coloured : public ctl::testing::CapturedTerminal {
   public:
    [[nodiscard]] bool coloured() const override { return true; }
  };
  const TemporaryFolder folder;
  const std::string wrong = folder.write("p.yaml", "a: &x\x1b 1\n");
  const std::string warns = folder.write("w.yaml", std::string(kWell) + "    - {name: w, to: [\"acme.github.io\"]}\n");
  const auto shown = [](const std::vector<std::string>& words) {
    Coloured terminal;
    (void)ctl::run_tool(words, terminal);
    return terminal.said;
  };
  CHECK(shown({"policy", "check", wrong}).contains(":1:6: \x1b[31merror\x1b[0m[E0003]: "));
  CHECK(shown({"policy", "check", warns}).contains(": \x1b[33mwarning\x1b[0m[W0302]: 'acme.github.io'"));
  CHECK_FALSE(run({"policy", "check", wrong}).out.contains('\x1b'));
  const std::string checks = shown({"doctor", "--socket", "/nonexistent/s"});
  const auto daemon = checks.find("\nenforcerd ");
  REQUIRE(daemon != std::string::npos);
  CHECK(checks.substr(daemon, checks.find('\n', daemon + 1) - daemon).contains(" \x1b[31mfail\x1b[0m "));
  CHECK(checks.contains(" \x1b[32mok\x1b[0m "));
  CHECK_FALSE(run({"doctor", "--socket", "/nonexistent/s"}).out.contains('\x1b'));
}

TEST_CASE("truths_and_numbers_are_text_where_text_belongs_and_a_program_has_an_absolute_path") {
  // What tests/check/test_schema.py says of the schema.
  const TemporaryFolder folder;
  const auto status_of = [&](const std::string& text) {
    return run({"policy", "check", folder.write("p.yaml", text)}).status;
  };
  const auto policy = [](const std::string& name, const std::string& rule, const std::string& to) {
    return "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: " + name +
           "}\nspec: {guests: {names: [g]}, allow: [{name: " + rule + ", to: [" + to + "]}]}\n";
  };
  const auto credential = [](const std::string& exec) {
    return "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\nspec: {source: {exec: " + exec +
           "}, inject: [{to: [a.test], as: bearer}]}\n";
  };
  CHECK(status_of(policy("true", "false", "true")) == 0);
  CHECK(status_of(policy("7", "1.5", "a.test")) == 0);
  CHECK(status_of(credential("[/usr/bin/x, true, 5]")) == 0);
  CHECK(status_of(policy("null", "a", "a.test")) == 3);
  CHECK(status_of(credential("[x]")) == 3);
  CHECK(status_of(credential("[true]")) == 3);
  CHECK(status_of(credential("[]")) == 3);
}
