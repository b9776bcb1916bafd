// What the tool says before any daemon is asked.
#include <doctest/doctest.h>

#include <algorithm>

#include "captured_terminal.h"
#include "enforcerctl/verb_tree.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

TEST_CASE("unknown_verbs_are_usage_errors_with_a_guess") {
  const auto said = [](const std::vector<std::string>& arguments) {
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    return ran.err;
  };
  CHECK(said({"sttus"}).contains("unknown verb 'sttus'; did you mean 'enforcerctl status'?"));
  CHECK(said({"policy", "chekc", "x"}).contains("unknown verb 'chekc'; did you mean 'enforcerctl policy check'?"));
  CHECK(said({"-o", "json", "gest", "list"}).contains("did you mean 'enforcerctl guest'?"));
  CHECK(said({"zzzzzzzz"}).contains("unknown verb 'zzzzzzzz'\n"));
  CHECK(said({}).contains("'enforcerctl' needs a verb"));
  CHECK(said({"guest"}).contains("'enforcerctl guest' needs a verb"));
  CHECK(said({"\x1b[31m"}).contains("\\x1b[31m"));
  // Help for what does not exist is none.
  CHECK(said({"foo", "--help"}).contains("unknown verb 'foo'\n"));
  CHECK(said({"policy", "chek", "--help"}).contains("unknown verb 'chek'; did you mean 'enforcerctl policy check'?"));
  CHECK(said({"help", "policy", "chek"}).contains("did you mean 'enforcerctl policy check'?"));
  CHECK(said({"--ouput", "json", "status"}).contains("unknown option '--ouput'; did you mean '--output'?"));
  CHECK(said({"--ouput", "json", "--help"}).contains("unknown option '--ouput'"));
  CHECK(said({"guest", "--ouput=json", "list"}).contains("unknown option '--ouput'"));
}

TEST_CASE("help_and_version_are_found_wherever_they_are_looked_for") {
  CHECK(run({"help"}).out == run({"--help"}).out);
  CHECK(run({"help", "policy", "check"}).out == run({"policy", "check", "--help"}).out);
  CHECK(run({"help", "policy"}).status == 0);
  const Ran version = run({"--version"});
  CHECK(version.status == 0);
  CHECK(version.out == "enforcerctl " + std::string(tool_version()) + "\n");
  CHECK(run({"policy", "explain", "--help"}).out.contains("Usage: enforcerctl policy explain [OPTIONS] TARGET...\n"));
  CHECK(run({"policy", "explain", "a b c"}).status == 2);
}

TEST_CASE("a_wrong_value_is_told_with_the_values_there_are") {
  const auto said = [](const std::vector<std::string>& arguments) {
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    for (const char* foreign : {"FAILED", "->", "Check "}) CHECK_FALSE(ran.err.contains(foreign));
    return ran.err;
  };
  CHECK(said({"status", "-o", "foo"}).contains("'foo' is none of json, jsonl, table, yaml\n"));
  CHECK(said({"status", "-o", "jsn"}).contains("'jsn' is none of json, jsonl, table, yaml; did you mean 'json'?\n"));
  CHECK(said({"guest", "list", "-o", "wid"}).contains("did you mean 'wide'?"));
  CHECK(said({"status", "-o", "2"}).contains("'2' is none of"));
  CHECK(said({"policy", "init", "--start", "lockd"})
            .contains("'lockd' is none of balanced, locked; did you mean 'locked'?"));
  CHECK(said({"policy", "init", "--start", "0"}).contains("'0' is none of"));
  CHECK(said({"completion", "bsh"}).contains("'bsh' is none of bash, zsh, fish; did you mean 'bash'?"));
  CHECK(
      said({"log", "--decision", "allow,dny"}).contains("'dny' is none of allow, review, deny; did you mean 'deny'?"));
  CHECK(said({"log", "--rule", "code"}).contains("'code' is no rule: give POLICY/RULE"));
  CHECK(said({"status", "--instance", "../../x"})
            .contains("'../../x' cannot be the name of an instance; use 1-20 of a-z, 0-9 and '-'"));
  CHECK(said({"explain", "ftp://github.com"}).contains("'ftp://' is not https://, http://, wss:// or ws://"));
  // Taken, as other tools take it.
  CHECK(run({"version", "-o=json", "--socket", "/nonexistent/s"}).out.starts_with("{"));
  CHECK(run({"version", "-ojson", "--socket", "/nonexistent/s"}).out.starts_with("{"));
  CHECK(run({"version", "--output=json", "--socket", "/nonexistent/s"}).out.starts_with("{"));
  CHECK(run({"log", "--decision", "allow,deny", "--socket", "/nonexistent/s"}).status == 1);
}

TEST_CASE("a_verb_that_prints_a_text_has_no_other_form") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"completion", "bash"}, {"policy", "init", "--start", "locked"}, {"policy", "fmt", "x.yaml"}, {"help"}}) {
    CAPTURE(words.front());
    auto with = words;
    with.insert(with.end(), {"-o", "json"});
    const Ran ran = run(with);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK(ran.err.contains("prints a text, which has one form: leave -o out"));
  }
  CHECK(run({"completion", "bash"}).status == 0);
}

TEST_CASE("status_waits_without_being_told_how_long") {
  CHECK(run({"status", "--help"}).out.contains("at most so long (30s)"));
  // Not a value: what follows is an option.
  CHECK(run({"status", "--wait", "-o", "nope"}).err.contains("'nope' is none of"));
  CHECK(run({"status", "--wait", "0s", "--socket", "/nonexistent/s"}).status == 6);
}

TEST_CASE("a_form_that_the_verb_does_not_have_is_a_usage_error") {
  const auto said = [](const std::vector<std::string>& arguments) {
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    return ran.err;
  };
  CHECK(said({"version", "-o", "junit"}) ==
        "enforcerctl: 'enforcerctl version' has no such form: -o is one of json,jsonl,table,yaml\n");
  CHECK(said({"-o", "tap", "version"}).contains("'enforcerctl version' has no such form"));
  CHECK(said({"guest", "-o", "junit", "list"}).contains("-o is one of json,jsonl,name,table,wide,yaml\n"));
  CHECK(said({"version", "-o", "name"}).contains("no such form"));
  CHECK(said({"policy", "list", "-o", "wide"}).contains("-o is one of json,jsonl,name,table,yaml\n"));
  CHECK(said({"policy", "test", "x.yaml", "-o", "name"}).contains("-o is one of json,jsonl,junit,table,tap,yaml\n"));
  for (const char* form : {"table", "json", "jsonl", "yaml"}) {
    CHECK(run({"version", "-o", form, "--socket", "/nonexistent/s"}).status == 0);
  }
  // Completion asks these for names.
  for (const char* group : {"guest", "review", "credential", "policy"}) {
    const Ran names = run({group, "list", "-o", "name", "--socket", "/nonexistent/s"});
    CHECK(names.status == 1);
    CHECK(names.err.contains("is enforcerd running?"));
  }
}

TEST_CASE("unknown_options_are_usage_errors_with_a_guess") {
  const auto said = [](const std::vector<std::string>& arguments) {
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    return ran.err;
  };
  CHECK(said({"log", "--folow"}).contains("unknown option '--folow'; did you mean '--follow'?"));
  CHECK(said({"guest", "list", "--no-heders"}).contains("did you mean '--no-headers'?"));
  CHECK(said({"status", "--zzzzzz=1"}).contains("unknown option '--zzzzzz'\n"));
  CHECK_FALSE(said({"status", "extra"}).contains("unknown option"));
}

TEST_CASE("wrong_options_are_usage_errors") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"status", "--nope"},
           {"status", "-o", "xml"},
           {"status", "--wait", "soon"},
           {"status", "extra"},
           {"policy", "check"},
           {"explain"},
           {"explain", "a b c"},
           {"explain", "api.github.com", "-l", "novalue"},
           {"guest", "create", "NOT_A_NAME"},
           {"guest", "create", "a", "--memory", "1"},
           {"guest", "create", "a", "-l", "x"},
           {"guest", "attach", "a"},
           {"guest", "attach", "a", "--pid", "1", "--netns", "/x"},
           {"log", "--since", "yesterday"},
           {"log", "--last", "0"},
           {"run"},
           {"log", "--decision", "allow,nope"},
           {"log", "--layer", "l5"},
           {"log", "--type", "reviews"},
           {"log", "--rule", "code"},
           {"log", "--host", ""},
           {"log", "--guest", "NOT_A_NAME"},
           {"policy", "replay", "--policy", "x.yaml", "--since", "yesterday"},
           {"policy", "suggest", "--guest", "NOT_A_NAME"},
           {"status", "--instance", ""},
           {"status", "--instance", "../../x"},
           {"status", "--instance", "-x"},
           {"--instance", "../../x", "status"},
           {"status", "--socket", ""},
           {"status", "--config", ""},
           {"review", "show", "abcde", "--socket", "/nonexistent/s"},
           {"review", "approve", "abcde", "-y", "--socket", "/nonexistent/s"},
           {"review", "reject", "abcde", "--socket", "/nonexistent/s"},
           {"preset", "show", "npm", "--set", "bogus=1", "--root", ENFORCER_SOURCE_DIR "/policies/presets"},
           {"policy", "init", "--start", "locked", "--preset", "git-github", "--root",
            ENFORCER_SOURCE_DIR "/policies/presets"},
           {"policy", "init", "--start", "locked", "--preset", "git-github:bogus=1", "--root",
            ENFORCER_SOURCE_DIR "/policies/presets"},
           {"policy", "init", "--start", "locked", "--preset", "git-github:repos"},
           {"image", "build", "nope"},
           {"explain", "ftp://github.com"},
       }) {
    CAPTURE(arguments.back());
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
    CHECK_FALSE(ran.err.contains("is enforcerd running?"));
  }
}

TEST_CASE("every_documented_verb_is_there") {
  for (const char* path : {"status",
                           "doctor",
                           "top",
                           "version",
                           "reload",
                           "completion",
                           "support-bundle",
                           "log",
                           "explain",
                           "policy list",
                           "policy check",
                           "policy apply",
                           "policy get",
                           "policy test",
                           "policy diff",
                           "policy history",
                           "policy rollback",
                           "policy fmt",
                           "policy suggest",
                           "policy replay",
                           "policy explain",
                           "help",
                           "guest list",
                           "guest get",
                           "guest create",
                           "guest delete",
                           "guest attach",
                           "guest detach",
                           "guest label",
                           "guest pause",
                           "guest resume",
                           "guest exec",
                           "guest environment",
                           "run",
                           "image list",
                           "image build",
                           "image show",
                           "review list",
                           "review show",
                           "review approve",
                           "review reject",
                           "review watch",
                           "credential list",
                           "credential get",
                           "credential set",
                           "credential rotate",
                           "credential test",
                           "credential delete",
                           "ca show",
                           "ca export",
                           "audit verify",
                           "audit export"}) {
    CAPTURE(path);
    const Verb root = verb_tree();
    const auto verbs = flattened(root);
    CHECK(std::ranges::any_of(verbs, [&](const Verb* verb) { return path_text(*verb) == path; }));
  }
}

TEST_CASE("every_verb_begins_its_help_with_examples_and_refuses_what_it_does_not_know") {
  const Verb root = verb_tree();
  for (const Verb* verb : flattened(root)) {
    std::vector<std::string> words = verb->path;
    CAPTURE(path_text(*verb));
    words.emplace_back("--help");
    const Ran help = run(words);
    CAPTURE(help.out);
    CHECK(help.status == 0);
    CHECK(help.err.empty());
    const auto examples = help.out.find("Examples:\n  enforcerctl ");
    const auto options = help.out.find("--help");
    REQUIRE(examples != std::string::npos);
    REQUIRE(options != std::string::npos);
    CHECK(examples < options);

    words.back() = "--no-such-option";
    const Ran refused = run(words);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_FALSE(refused.err.empty());
  }
  const std::string help = run({"--help"}).out;
  CHECK(help.contains("Exit codes: 0 ok"));
  CHECK(help.contains("'run' and 'guest exec' exit with their command's status, or with 125 when"));
}

TEST_CASE("common_options_are_taken_before_and_after_the_verb") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--socket", "/nonexistent/s", "-o", "json", "status"},
                                             {"status", "--socket", "/nonexistent/s", "-o", "json"}}) {
    const Ran ran = run(arguments);
    CHECK(ran.status == 3);
    CHECK(ran.out == "{\"api_version\":\"v1\",\"running\":false}\n");
    CHECK(ran.err.contains("nobody answers on /nonexistent/s (No such file or directory): is enforcerd running?"));
    CHECK(ran.err.contains("systemctl start enforcerd"));
  }
}

TEST_CASE("a_daemon_that_does_not_answer_is_said_with_what_to_do") {
  const Ran ran = run({"guest", "list", "--socket", "/nonexistent/s"});
  CHECK(ran.status == 1);
  CHECK(ran.out.empty());
  CHECK(ran.err.contains("is enforcerd running?"));
  CHECK(run({"run", "--socket", "/nonexistent/s", "--", "true"}).status == 125);
  CHECK(run({"status", "--wait", "0s", "--socket", "/nonexistent/s"}).status == 6);
}

TEST_CASE("version_needs_no_daemon") {
  const Ran ran = run({"version", "--socket", "/nonexistent/s"});
  CHECK(ran.status == 0);
  CHECK(ran.out.contains(std::string("enforcerctl  ") + std::string(tool_version())));
  CHECK(ran.out.contains("does not answer"));
}
