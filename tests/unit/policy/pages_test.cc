// The documentation's examples: what is written there as a whole document loads without a warning, and its own tests
// hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "fixture.h"
#include "policy/credential_spec.h"

namespace enforcer::policy::test {
namespace {

const std::string kPages = ENFORCER_SOURCE_DIR "/policies/";

/// The blocks of a page that are whole documents, each with the line it begins in.
std::vector<std::pair<std::string, std::string>> documents_of(const std::string& page) {
  std::ifstream file(kPages + page);
  REQUIRE_MESSAGE(file, page);
  std::vector<std::pair<std::string, std::string>> found;
  std::string block;
  bool inside = false;
  int number = 0;
  int begins = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (!inside && line == "```yaml") {
      inside = true;
      begins = number;
      block.clear();
    } else if (inside && line == "```") {
      inside = false;
      if (block.starts_with("apiVersion:")) found.emplace_back(page + ":" + std::to_string(begins), block);
    } else if (inside) {
      block += line + "\n";
    }
  }
  return found;
}

std::shared_ptr<const Snapshot> load_page(const std::string& page) {
  std::vector<SourceText> sources;
  for (const auto& [name, text] : documents_of(page)) sources.push_back({name, text});
  const LoadOutcome outcome = load(sources, 1);
  for (const Diagnostic& diagnostic : outcome.diagnostics) FAIL_CHECK(diagnostic.to_string());
  REQUIRE(outcome.snapshot);
  return outcome.snapshot;
}

TEST_CASE("each_kind_of_credential_has_a_page_whose_example_loads_and_whose_tests_hold") {
  const std::set<std::string> known{"README.md", "assume-role.md", "basic.md", "bearer.md", "github.md",
                                    "header.md", "oauth2.md",      "query.md", "sigv4.md",  "vault.md"};
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(kPages + "credentials"))
    there.insert(entry.path().filename());
  CHECK(there == known);
  std::set<std::string_view> places;
  std::set<std::string_view> sources;
  for (const std::string& page : known) {
    if (page == "README.md") continue;
    CAPTURE(page);
    const auto snapshot = load_page("credentials/" + page);
    CHECK(snapshot->policies().size() == 1);
    REQUIRE(snapshot->credentials().size() == 1);
    const CredentialSpec& credential = snapshot->credentials().front();
    sources.insert(label(credential.source.kind));
    for (const auto& binding : credential.inject) places.insert(label(binding.as));
  }
  CHECK(places == std::set<std::string_view>{"basic", "bearer", "github", "header", "query", "sigv4"});
  CHECK(sources == std::set<std::string_view>{"exec", "file", "store", "systemd", "vault"});  // env warns
}

TEST_CASE("the_index_of_credentials_links_every_page") {
  std::ifstream file(kPages + "credentials/README.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (const auto& entry : std::filesystem::directory_iterator(kPages + "credentials")) {
    const std::string name = entry.path().filename();
    if (name != "README.md") CHECK_MESSAGE(text.str().contains("[" + name + "](" + name + ")"), name);
  }
}

TEST_CASE("the_readmes_whole_documents_load") {
  CHECK(documents_of("README.md").size() == 2);
  const auto snapshot = load_page("README.md");
  CHECK(snapshot->policies().size() == 1);
  CHECK(snapshot->credentials().size() == 1);
}

}  // namespace
}  // namespace enforcer::policy::test
