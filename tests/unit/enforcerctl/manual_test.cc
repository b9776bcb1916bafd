// The verbs as data, and what is written from them.
#include "enforcerctl/manual.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/roff.h"
#include "enforcerctl/completion.h"

using namespace enforcer;
using namespace enforcer::ctl;
using enforcer::config::roff_text;

namespace {

const Verb& verb_at(const Verb& root, const std::vector<std::string>& path) {
  const Verb* at = &root;
  for (const std::string& word : path) {
    const auto below = std::ranges::find(at->verbs, word, [](const Verb& verb) { return verb.path.back(); });
    REQUIRE(below != at->verbs.end());
    at = &*below;
  }
  return *at;
}

const Argument& option_of(const Verb& verb, const std::string& name) {
  const auto found = std::ranges::find_if(verb.options, [&](const Argument& option) {
    return std::ranges::find(option.names, name) != option.names.end();
  });
  REQUIRE(found != verb.options.end());
  return *found;
}

}  // namespace

TEST_CASE("tree_of_verbs_is_what_the_tool_parses_with") {
  const Verb root = verb_tree();
  const Verb& log = verb_at(root, {"log"});
  CHECK(log.text.summary == "Shows what was decided");
  CHECK(option_of(log, "--layer").choices == std::vector<std::string>{"dns", "l4", "tls", "http"});
  CHECK(option_of(log, "--layer").value == "LAYER");
  CHECK(option_of(log, "--last").value == "N");
  CHECK(option_of(log, "-f").names == std::vector<std::string>{"-f", "--follow"});
  CHECK(option_of(log, "--follow").value.empty());
  CHECK(option_of(log, "-o").shared == Argument::Shared::kYes);
  CHECK(option_of(log, "-f").shared == Argument::Shared::kNo);
  CHECK(option_of(verb_at(root, {"run"}), "--workspace").value == "DIR[:ro]");
  CHECK(option_of(verb_at(root, {"run"}), "--workspace").times == Argument::Times::kMany);
  CHECK(option_of(verb_at(root, {"audit", "verify"}), "--head").value == "NUMBER:HASH");

  const Verb& build = verb_at(root, {"image", "build"});
  REQUIRE(build.positionals.size() == 1);
  CHECK(build.positionals[0].value == "PROFILE");
  CHECK(build.positionals[0].choices == std::vector<std::string>{"mini", "agent", "docker"});
  CHECK(build.positionals[0].needed == Argument::Needed::kYes);
  CHECK(path_text(build) == "image build");
  CHECK(flattened(root).front() == &root);
}

TEST_CASE("g_is_short_for_guest_wherever_that_is_an_option") {
  const Verb root = verb_tree();
  std::size_t found = 0;
  for (const Verb* verb : flattened(root)) {
    for (const Argument& option : verb->options) {
      const auto has = [&](const char* name) { return std::ranges::find(option.names, name) != option.names.end(); };
      CAPTURE(path_text(*verb));
      CHECK(has("-g") == has("--guest"));
      if (has("--guest")) ++found;
    }
  }
  CHECK(found >= 7);
}

TEST_CASE("values_are_offered_by_what_they_are") {
  CHECK(offer_for({.value = "GUEST"}) == "names guest list");
  CHECK(offer_for({.value = "FILE"}) == "files");
  CHECK(offer_for({.value = "DIR[:ro]"}) == "folders");
  CHECK(offer_for({.value = "K=V"}) == "none");
  CHECK(offer_for({.value = "GUEST", .choices = {"a", "b"}}) == "words a b");
  const Verb root = verb_tree();
  CHECK(offer_for(verb_at(root, {"policy", "get"}).positionals.at(0)) == "names policy list");
  CHECK(offer_for(verb_at(root, {"guest", "create"}).positionals.at(0)) == "none");
  CHECK(shell_quoted("it's $(x)") == R"('it'\''s $(x)')");
}

TEST_CASE("forms_that_a_verb_does_not_take_are_not_offered") {
  const auto cases = offer_cases(verb_tree());
  const auto forms_of = [&](std::string_view path) {
    // As the scripts do: the first that fits.
    const auto found = std::ranges::find_if(cases, [&](const OfferCase& known) {
      return (known.path == path || known.path == "*") && std::ranges::find(known.options, "-o") != known.options.end();
    });
    REQUIRE(found != cases.end());
    return found->offer;
  };
  CHECK(forms_of("status") == "words json jsonl table yaml");
  CHECK(forms_of("guest list") == "words json jsonl name table wide yaml");
  CHECK(forms_of("credential list") == "words json jsonl name table yaml");
  CHECK(forms_of("policy test") == "words json jsonl junit table tap yaml");
  CHECK(forms_of("guest") == "words json jsonl junit name table tap wide yaml");  // of one of those below
  for (const OfferCase& known : cases) {
    if (known.path != "*") CHECK(std::ranges::find(known.options, "--socket") == known.options.end());
  }
}

TEST_CASE("every_verb_is_in_each_script_and_on_the_page") {
  const Verb root = verb_tree();
  const std::string page = tool_page(root);
  for (const Verb* verb : flattened(root)) {
    if (verb->path.empty()) continue;
    const std::string path = path_text(*verb);
    CAPTURE(path);
    CHECK(page.contains(".SS \\fBenforcerctl " + roff_text(path) + "\\fR"));
    for (const std::string& script : {bash_completion(root), zsh_completion(root), fish_completion(root)}) {
      CHECK(script.contains("'" + path + "'"));
    }
    for (const Argument& option : verb->options) {
      for (const std::string& name : option.names) CHECK(page.contains("\\fB" + roff_text(name) + "\\fR"));
    }
  }
}

TEST_CASE("page_says_which_forms_a_verb_has_that_others_have_not") {
  const std::string page = tool_page(verb_tree());
  const auto section = [&](const std::string& path) {
    const auto begin = page.find(".SS \\fBenforcerctl " + roff_text(path) + "\\fR");
    REQUIRE(begin != std::string::npos);
    return page.substr(begin, page.find(".SS ", begin + 1) - begin);
  };
  CHECK(section("policy test").contains("(json, jsonl, junit, table, tap, yaml)"));
  CHECK(section("guest list").contains("(json, jsonl, name, table, wide, yaml)"));
  CHECK_FALSE(section("status").contains("\\-\\-output"));
}

TEST_CASE("page_has_every_exit_code") {
  const std::string page = tool_page(verb_tree());
  const std::string section = page.substr(page.find(".SH EXIT STATUS"));
  for (const char code : {'0', '1', '2', '3', '4', '5', '6', '7'}) {
    CHECK(section.contains(std::string(".TP\n\\fB") + code + "\\fR\n"));
  }
  CHECK_FALSE(section.contains(".TP\n\\fB8\\fR\n"));
  CHECK(section.contains(".PP\n" + roff_text(command_exit_text()) + "\n"));
}

TEST_CASE("daemons_say_their_options_in_help_and_on_the_page") {
  for (const config::ProgramText* program : {&config::enforcerd_text(), &config::hostd_text()}) {
    const std::string help = config::help_of(*program);
    const std::string page = daemon_page(*program);
    CHECK(help.starts_with("Usage: " + std::string(program->name) + " "));
    CHECK(help.contains("  --help"));
    for (const auto& option : program->options) {
      CAPTURE(option.name);
      CHECK(help.contains("  " + std::string(option.name)));
      CHECK(page.contains("\\fB" + roff_text(option.name) + "\\fR"));
    }
    std::size_t longest = 0;
    for (std::size_t at = 0; at < help.size();) {
      const std::size_t end = help.find('\n', at);
      longest = std::max(longest, end - at);
      at = end + 1;
    }
    CHECK(longest <= 120);
  }
}
