// policies/diagnostics.md: every code has its anchor there, and the examples are true. The wrong one of a code is told
// by that code, the right one by nothing at all.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "fixture.h"
#include "policy/diagnostic.h"

namespace enforcer::policy::test {
namespace {

struct Entry {
  std::string text;                   ///< the line in bold
  std::vector<std::string> examples;  ///< none, or the wrong one and the right one
};

/// By code.
std::map<std::string, Entry> entries_of_the_page() {
  std::ifstream file(ENFORCER_SOURCE_DIR "/policies/diagnostics.md");
  REQUIRE(file);
  std::map<std::string, Entry> entries;
  Entry* entry = nullptr;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("### ")) {
      const std::string code = line.substr(4);
      CHECK_MESSAGE(!entries.contains(code), code);
      entry = &entries[code];
    } else if (entry != nullptr && line == "```yaml") {
      inside = true;
      entry->examples.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      entry->examples.back() += line + "\n";
    } else if (entry != nullptr && line.size() > 4 && line.starts_with("**") && line.ends_with("**")) {
      entry->text = line.substr(2, line.size() - 4);
    }
  }
  return entries;
}

/// A whole object, whatever part of one the example is.
std::string whole(const std::string& example) {
  if (example.starts_with("apiVersion:")) return example;
  const bool credential = example.starts_with("source:");
  std::string text = "apiVersion: enforcer.dev/v1\nkind: ";
  text += credential ? "Credential\nmetadata: {name: example}\nspec:\n" : "Policy\nmetadata: {name: example}\nspec:\n";
  if (!credential && !example.starts_with("guests:")) text += "  guests: {matchLabels: {role: agent}}\n";
  std::string_view rest = example;
  while (!rest.empty()) {
    const auto end = rest.find('\n') + 1;
    text += "  " + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  return text;
}

std::vector<Diagnostic> told_about(const std::string& example) {
  const auto credential = [](const std::string& name) {
    return SourceText{name + ".yaml",
                      "apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: " + name +
                          "}\nspec: {source: {store: true}, inject: [{to: [api.github.com], as: bearer}]}\n"};
  };
  const SourceText sources[] = {credential("bot"), credential("other"), {"example.yaml", whole(example)}};
  return load(sources, 1).diagnostics;
}

TEST_CASE("every_code_has_its_anchor_on_the_page_and_the_page_no_other") {
  const auto entries = entries_of_the_page();
  std::set<std::string> known;
  for (const CodeInfo& info : diagnostic_codes()) {
    const std::string code(info.code);
    known.insert(code);
    REQUIRE_MESSAGE(entries.contains(code), code);
    CHECK_MESSAGE(entries.at(code).text == info.text, code);
    const Diagnostic diagnostic{.code = code};
    CHECK(diagnostic.page() ==
          (code.front() == 'E' ? "policies/diagnostics.md#e" : "policies/diagnostics.md#w") + code.substr(1));
  }
  for (const auto& [code, entry] : entries) CHECK_MESSAGE(known.contains(code), code);
}

TEST_CASE("the_wrong_example_of_a_code_is_told_by_it_and_the_right_one_by_nothing") {
  // What an example cannot show: where a file lies, how large it is, octets and tabs, who brought it, and nothing.
  const std::set<std::string> without{"E0001", "E0002", "E0003", "E0004", "E0218", "W0311"};
  for (const auto& [code, entry] : entries_of_the_page()) {
    CAPTURE(code);
    if (without.contains(code)) {
      CHECK(entry.examples.empty());
      continue;
    }
    REQUIRE(entry.examples.size() == 2);
    const auto wrong = told_about(entry.examples[0]);
    CHECK(std::ranges::find(wrong, code, &Diagnostic::code) != wrong.end());
    for (const Diagnostic& diagnostic : wrong) {
      if (diagnostic.severity == Severity::kError && diagnostic.code != code)
        FAIL_CHECK("the wrong one: " << diagnostic.to_string());
    }
    for (const Diagnostic& diagnostic : told_about(entry.examples[1])) {
      FAIL_CHECK("the right one: " << diagnostic.to_string());
    }
  }
}

}  // namespace
}  // namespace enforcer::policy::test
