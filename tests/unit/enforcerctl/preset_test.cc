// Presets: each one that we ship loads with its examples, is proven by its own tests, and each of its rules and tests
// can fail; and what becomes of values that are none.
#include "enforcerctl/preset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "../control/fake_daemon.h"
#include "../temporary_folder.h"
#include "base/files.h"
#include "enforcerctl/policy_draft.h"
#include "enforcerctl/preset_rules.h"
#include "policy/format.h"
#include "policy/loader.h"

using namespace enforcer;
using namespace enforcer::ctl;

namespace {

const std::vector<Preset>& shipped_presets() {
  static const std::vector<Preset> presets = [] {
    auto read = presets_in(ENFORCER_SOURCE_DIR "/policies/presets");
    REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
    return *std::move(read);
  }();
  return presets;
}

const Preset& shipped_preset(std::string_view name) {
  const auto found = find_preset(shipped_presets(), name);
  REQUIRE(found);
  return **found;
}

PresetValues example_values(const Preset& preset) {
  PresetValues values;
  for (const PresetParameter& parameter : preset.parameters) values.emplace(parameter.name, parameter.example);
  return values;
}

PresetRules example_rules(const Preset& preset) {
  const auto rules = rules_of(preset, example_values(preset));
  REQUIRE_MESSAGE(rules, (rules ? "" : rules.error().message));
  return *rules;
}

policy::TestOutcome asked_of(const PresetRules& rules) {
  const std::string text =
      "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n"
      "  guests: {matchLabels: {role: agent}}\n" +
      entries_text("allow", rules.allow) + entries_text("review", rules.review) + entries_text("deny", rules.deny) +
      entries_text("tests", rules.tests);
  const policy::SourceText source{.name = "p.yaml", .text = text};
  return policy::ask_tests({&source, 1});
}

std::size_t failed_tests(const policy::TestOutcome& outcome) {
  return static_cast<std::size_t>(
      std::ranges::count(outcome.tests, policy::TestResult::kFailed, &policy::TestRun::result));
}

std::string rule_name_of(std::string_view entry) {
  return std::string(entry.substr(0, entry.find('\n')));
}

constexpr std::string_view kSmallPreset = R"(apiVersion: enforcer.dev/v1
kind: Preset
metadata: {name: small}
spec:
  summary: A small one
  exposes: ["Little."]
  parameters:
    - {name: hosts, kind: hosts, machine: npm, about: "the hosts", example: [a.acme.example, "b.acme.example:80"]}
    - {name: repos, kind: patterns, about: "the repositories", default: ["acme/*"], example: ["acme/**"]}
  allow:
    - {name: small, to: ["${hosts}", c.acme.example], http: [{methods: [GET], paths: ["/${repos}/**"]}]}
  tests:
    - {request: "GET ${hosts.url}/${repos.example}/x", expect: allow}
)";

std::string with(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("every_preset_loads_with_its_examples_and_its_tests_reach_every_rule") {
  CHECK(shipped_presets().size() >= 18);
  for (const Preset& preset : shipped_presets()) {
    const auto outcome = asked_of(example_rules(preset));
    for (const auto& diagnostic : outcome.diagnostics) FAIL_CHECK(preset.name << ": " << diagnostic.to_string());
    CHECK_MESSAGE(outcome.asked, preset.name);
    CHECK_FALSE(outcome.tests.empty());
    for (const auto& test : outcome.tests) CHECK_MESSAGE(test.result == policy::TestResult::kPassed, test.message);
    for (const auto& rule : outcome.rules) CHECK_MESSAGE(rule.tests > 0, rule.rule.name);
    const auto denied = std::ranges::count(outcome.tests, policy::Action::kDeny, &policy::TestRun::expect);
    CHECK_MESSAGE(denied > 0, preset.name << " says what it does not open");
    CHECK_FALSE(preset.exposes.empty());
  }
}

TEST_CASE("a_preset_without_one_of_its_rules_fails_its_own_tests") {
  for (const Preset& preset : shipped_presets()) {
    const PresetRules whole = example_rules(preset);
    CHECK(failed_tests(asked_of(whole)) == 0);
    for (const auto list : {&PresetRules::allow, &PresetRules::review, &PresetRules::deny}) {
      for (std::size_t i = 0; i < (whole.*list).size(); ++i) {
        PresetRules less = whole;
        (less.*list).erase((less.*list).begin() + static_cast<std::ptrdiff_t>(i));
        CHECK_MESSAGE(failed_tests(asked_of(less)) > 0, preset.name << " without " << rule_name_of((whole.*list)[i]));
      }
    }
  }
}

TEST_CASE("every_test_of_a_preset_fails_where_it_expects_something_else") {
  for (const Preset& preset : shipped_presets()) {
    PresetRules turned = example_rules(preset);
    for (std::string& test : turned.tests) {
      const bool denied = test.contains("expect: deny");
      test = denied ? with(test, "expect: deny", "expect: allow")
                    : with(test, test.contains("expect: review") ? "expect: review" : "expect: allow", "expect: deny");
    }
    CHECK_MESSAGE(failed_tests(asked_of(turned)) == turned.tests.size(), preset.name);
  }
}

TEST_CASE("all_presets_together_load_and_keep_every_promise_of_each") {
  PolicyDraft draft{.title = {"All."}, .name = "all", .labels = {{"role", "agent"}}, .parts = {}, .gaps = {}};
  std::set<std::string> names;
  for (const Preset& preset : shipped_presets()) {
    // Reading alone is a part of fetching and pushing, so a test that pins the one would name the other.
    draft.parts.push_back({preset, example_values(preset), {}});
    const PresetRules rules = example_rules(preset);
    for (const auto& list : {rules.allow, rules.review, rules.deny}) {
      for (const std::string& rule : list) CHECK_MESSAGE(names.insert(rule_name_of(rule)).second, rule);
    }
  }
  const auto text = draft_text(draft);
  CHECK_MESSAGE(text, (text ? "" : text.error().message));
}

TEST_CASE("no_preset_that_downloads_packages_names_a_host_and_none_lets_anything_be_published") {
  for (const char* name : {"apt", "npm", "pip", "cargo", "docker-registry", "go-modules"}) {
    const Preset& preset = shipped_preset(name);
    const PresetRules rules = example_rules(preset);
    REQUIRE(rules.allow.size() == 1);
    CHECK(rules.allow[0].contains("http: [{methods: [GET, HEAD]}]"));
    REQUIRE(preset.parameters.size() == 1);
    CHECK(preset.parameters[0].usual.empty());
    for (const std::string& host : preset.parameters[0].example) CHECK(host.contains(".acme.example"));
    const auto elsewhere = rules_of(preset, {{"hosts", {"only.here.example"}}});
    REQUIRE(elsewhere);
    CHECK(elsewhere->allow[0].contains("to: [only.here.example]"));
  }
}

TEST_CASE("parameters_fill_lists_and_tests_in_their_forms") {
  const auto preset = parse_preset("small.yaml", kSmallPreset);
  REQUIRE_MESSAGE(preset, (preset ? "" : preset.error().message));
  const auto rules = rules_of(*preset, example_values(*preset));
  REQUIRE(rules);
  CHECK(rules->allow == std::vector<std::string>{"name: small\n"
                                                 "to: [a.acme.example, \"b.acme.example:80\", c.acme.example]\n"
                                                 "http: [{methods: [GET], paths: [\"/acme/**/**\"]}]"});
  CHECK(rules->tests ==
        std::vector<std::string>{R"({request: "GET https://a.acme.example/acme/any/x", expect: allow})",
                                 R"({request: "GET http://b.acme.example/acme/any/x", expect: allow})"});
  const auto usual = rules_of(*preset, {{"hosts", {"x.acme.example:8443"}}});
  REQUIRE(usual);
  CHECK(usual->allow[0].contains("paths: [\"/acme/*/**\"]"));
  CHECK(usual->tests[0].contains("GET https://x.acme.example:8443/acme/any/x"));
  CHECK(list_entry("a\nb") == "    - a\n      b\n");
}

TEST_CASE("values_that_are_none_are_refused_with_what_is_wanted") {
  const Preset preset = parse_preset("small.yaml", kSmallPreset).value();
  const auto problem = [&](const PresetValues& values) {
    const auto rules = rules_of(preset, values);
    return rules ? std::string() : rules.error().message;
  };
  CHECK(problem({{"hosts", {"a.acme.example"}}}).empty());
  CHECK(problem({}) == "preset small needs hosts: the hosts");
  CHECK(problem({{"hosts", {}}}).contains("needs hosts"));
  CHECK(problem({{"host", {"a.acme.example"}}}).contains("has no parameter 'host'"));
  for (const char* wrong :
       {"", "A.acme.example", "https://a.acme.example", "a.acme.example/", "*.acme.example", "10.0.0.1",
        "a.acme.example:0", "a.acme.example:65536", "a.acme.example:", "a\"b.example", "${hosts}", "a.acme.example."}) {
    CHECK_MESSAGE(problem({{"hosts", {wrong}}}).contains("is not a host name"), wrong);
  }
  for (const char* wrong : {"", "a\"", "a b", "${x}", "a\nb", "a\\b"}) {
    CHECK_MESSAGE(problem({{"hosts", {"a.acme.example"}}, {"repos", {wrong}}}).contains("is not a pattern"), wrong);
  }
  CHECK(problem({{"hosts", PresetValues::mapped_type(65, "a.acme.example")}}).contains("more than 64 values"));
  CHECK(problem({{"hosts", PresetValues::mapped_type(64, "a.acme.example")}}).empty());
  const auto names = rules_of(shipped_preset("git-gitlab"), {{"hosts", {"g.acme.example:8443"}}, {"repos", {"a/b"}}});
  REQUIRE_FALSE(names);
  CHECK(names.error().message.contains("without a port"));
}

TEST_CASE("settings_of_parameters_are_read_from_one_word") {
  CHECK(parse_preset_values("hosts=a,b:80").value() == PresetValues{{"hosts", {"a", "b:80"}}});
  CHECK(parse_preset_values("repos=a/*;refs=r").value() == PresetValues{{"repos", {"a/*"}}, {"refs", {"r"}}});
  for (const char* wrong : {"", "hosts", "hosts=", "=a", "a=b;", "a=b;a=c"}) CHECK_FALSE(parse_preset_values(wrong));
}

TEST_CASE("a_file_that_is_no_preset_says_why_with_its_place") {
  const std::string good(kSmallPreset);
  const auto problem = [](const std::string& text) {
    const auto preset = parse_preset("p.yaml", text);
    return preset ? std::string() : preset.error().message;
  };
  CHECK(problem(good).empty());
  CHECK(problem(with(good, "kind: Preset", "kind: Policy")).starts_with("p.yaml:2:7: error[E0104]"));
  CHECK(problem(with(good, "  summary: A small one\n", "")).contains("E0103"));
  CHECK(problem(with(good, "exposes: [\"Little.\"]", "exposes: []")).contains("E0109"));
  CHECK(problem(with(good, "kind: hosts", "kind: ports")).contains("E0104"));
  CHECK(problem(with(good, "machine: npm", "machine: brew")).contains("E0104"));
  CHECK(problem(with(good, "  tests:", "  test:")).contains("did you mean 'tests'"));
  CHECK(problem(with(good, "name: repos", "name: hosts")).contains("E0108"));
  CHECK(problem("a: [").contains("E0005"));
  CHECK(problem("").contains("not one preset"));
  CHECK(problem(good + "---\n" + good).contains("not one preset"));
  const auto unknown = parse_preset("p.yaml", with(good, "${repos}", "${repo}"));
  REQUIRE(unknown);
  CHECK(rules_of(*unknown, example_values(*unknown)).error().message == "a preset has no parameter 'repo'");
  const auto form = parse_preset("p.yaml", with(good, "hosts.url", "hosts.uri"));
  REQUIRE(form);
  CHECK(rules_of(*form, example_values(*form)).error().message == "a parameter has no form 'uri'");
}

TEST_CASE("a_folder_of_presets_is_read_by_names_that_are_those_of_its_files") {
  const TemporaryFolder folder;
  folder.write("small.yaml", kSmallPreset);
  const auto good = presets_in(folder.file(""));
  REQUIRE(good);
  CHECK(find_preset(*good, "small"));
  const auto missing = find_preset(*good, "smal");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kNotFound);
  CHECK(missing.error().message.contains("did you mean 'small'"));
  folder.write("other.yaml", kSmallPreset);
  const auto wrong = presets_in(folder.file(""));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.contains("other.yaml: the preset in it is called 'small'"));
}

TEST_CASE("a_draft_is_in_the_layout_of_policy_fmt_and_is_refused_where_its_values_make_no_policy") {
  PolicyDraft draft{.title = {"T."}, .name = "d", .labels = {{"role", "agent"}}, .parts = {}, .gaps = {}};
  draft.parts.push_back({shipped_preset("npm"), {{"hosts", {"npm.acme.example"}}}, {"hosts from /etc/npmrc:1"}});
  draft.gaps.push_back({shipped_preset("pip"), "nothing names an index"});
  const auto text = draft_text(draft);
  REQUIRE_MESSAGE(text, (text ? "" : text.error().message));
  CHECK(policy::formatted("d", *text).value() == *text);
  CHECK(text->contains("    #   hosts from /etc/npmrc:1\n    #   exposes: Whoever can publish"));
  CHECK(text->contains("#     enforcerctl preset show pip --set 'hosts=...'"));
  draft.parts[0] = {shipped_preset("git-github"), {{"repos", {"not-a-repository"}}}, {}};
  const auto refused = draft_text(draft);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.contains("E0210"));
}

TEST_CASE("the_page_of_the_presets_has_a_row_for_each_with_what_it_exposes") {
  const auto page = read_file(ENFORCER_SOURCE_DIR "/policies/presets/README.md", 1 << 20, LastLink::kFollow);
  REQUIRE(page);
  for (const Preset& preset : shipped_presets()) {
    const std::string row = "| [" + preset.name + "](" + preset.name + ".yaml) | " + preset.summary + " |";
    CHECK_MESSAGE(page->contains(row), row);
    for (const std::string& line : preset.exposes) CHECK_MESSAGE(page->contains(line), line);
  }
}
