// The manual pages, judged by mandoc.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "../shell.h"
#include "../temporary_folder.h"
#include "pages/pages.h"
#include "pages/reference.h"

namespace enforcer::pages::test {
namespace {

/// A folder with the pages that is gone afterwards.
struct ManualPages : TemporaryFolder {
  ManualPages() {
    for (const Page& page : manual_pages()) write(page.path, page.text);
  }
};

/// Bold letters are written twice, with a backspace between.
std::string without_overstrikes(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\b' && !out.empty()) {
      out.pop_back();
    } else if (c != '\b') {
      out += c;
    }
  }
  return out;
}

bool has_mandoc() {
  if (shell("command -v mandoc").status == 0) return true;
  std::puts("SKIP: mandoc is not installed");
  return false;
}

TEST_CASE("mandoc_has_nothing_to_say_about_the_manual_pages") {
  if (!has_mandoc()) return;
  const ManualPages folder;
  for (const Page& page : manual_pages()) {
    // Pages are the same for every build of a version, so they have no date.
    const std::string said =
        shell("mandoc -T lint -W warning " + folder.file(page.path) + " | grep -v 'missing date'").out;
    CHECK_MESSAGE(said.empty(), said);
  }
  std::ofstream(folder.file("broken.5")) << ".TH X 5\n.SH NAME\n.nosuchmacro\n";
  CHECK(shell("mandoc -T lint -W warning " + folder.file("broken.5")).out.contains("nosuchmacro"));
}

TEST_CASE("a_manual_page_shows_every_key_as_it_is_written") {
  if (!has_mandoc()) return;
  const ManualPages folder;
  const auto shows = [&](const std::string& name, const std::vector<Section>& sections) {
    const std::string text = without_overstrikes(shell("mandoc -T utf8 -O width=200 " + folder.file(name)).out);
    for (const Section& section : sections) {
      for (const Key& key : section.keys) CHECK_MESSAGE(text.contains(key.name + " ("), name << ": " << key.name);
    }
    return text;
  };
  const std::string policy = shows("enforcer-policy.5", policy_sections());
  const std::string credential = shows("enforcer-credential.5", credential_sections());
  CHECK(policy.contains("    - {name: code, to: [github.com]}"));
  CHECK(policy.contains("E0102"));
  CHECK_FALSE(policy.contains("tokenUrl"));
  CHECK_FALSE(credential.contains("approvals"));
}

}  // namespace
}  // namespace enforcer::pages::test
