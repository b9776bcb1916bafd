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
       }) {
    CAPTURE(arguments.back());
    const Ran ran = run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out.empty());
    CHECK_FALSE(ran.err.empty());
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
