// The layout: what it changes, what it leaves alone, and that nothing it touches changes its meaning.
#include "policy/format.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fixture.h"
#include "policy/yaml_reader.h"

namespace enforcer::policy::test {
namespace {

std::string laid(const std::string& text) {
  const auto out = formatted("p.yaml", text);
  if (!out) return "refused: " + out.error().message;
  const auto again = formatted("p.yaml", *out);
  CHECK(again.value_or("refused") == *out);  // a fixed point
  return *out;
}

TEST_CASE("levels_are_two_spaces_and_lists_stand_below_their_key") {
  CHECK(laid("a:\n- b\n- c: 1\n  d: 2\ne: 3\n") == "a:\n  - b\n  - c: 1\n    d: 2\ne: 3\n");
  CHECK(laid("a:\n    b:\n         c: 1\n    d: 2\n") == "a:\n  b:\n    c: 1\n  d: 2\n");
  CHECK(laid("a:\n  -   b: 1\n      c:\n      - d\n  -\n    b: 2\n") ==
        "a:\n  - b: 1\n    c:\n      - d\n  -\n    b: 2\n");
  CHECK(laid("- - a\n  - b\n- c\n") == "- - a\n  - b\n- c\n");
}

TEST_CASE("spaces_and_blank_lines_that_say_nothing_go") {
  CHECK(laid("\n\na: 1  \n\n\n\nb: 2\n\n") == "a: 1\n\nb: 2\n");
  CHECK(laid("a: 1") == "a: 1\n");
  CHECK(laid("a: 1\n---   \nb: 2\n") == "a: 1\n---\nb: 2\n");
  CHECK(laid("").empty());
}

TEST_CASE("every_comment_survives_beside_what_it_is_about") {
  CHECK(laid("# head\n\na:   # why\n# about the list\n- b # c\n  # indented\n# tail\n") ==
        "# head\n\na:   # why\n  # about the list\n  - b # c\n    # indented\n  # tail\n");
  CHECK(laid("a:\n- b\n\n# next\nc: 1\n") == "a:\n  - b\n\n# next\nc: 1\n");
}

TEST_CASE("texts_over_several_lines_keep_what_they_say") {
  CHECK(laid("a:\n- b: |\n    one  \n      two\n\n    three\n  c: 1\n") ==
        "a:\n  - b: |\n      one  \n        two\n\n      three\n    c: 1\n");
  CHECK(laid("a:\n- >-\n  one\n  two\nb: 1\n") == "a:\n  - >-\n    one\n    two\nb: 1\n");
  CHECK(laid("a:\n- {b: [1,\n   2], # x\n   c: 'it''s # no'}\nd: \"a\n   b\"\n") ==
        "a:\n  - {b: [1,\n     2], # x\n     c: 'it''s # no'}\nd: \"a\n   b\"\n");
  CHECK(laid("a: it's\nb: x#y\nc: \"\\\"#\"\n") == "a: it's\nb: x#y\nc: \"\\\"#\"\n");
  CHECK(laid("reason: one\n    two\nb: 1\n") == "reason: one\n  two\nb: 1\n");
}

TEST_CASE("what_is_no_yaml_is_refused_with_its_place") {
  CHECK(laid("a: [\n").contains("p.yaml:"));
  CHECK(laid("a: 1\na: 2\n").contains("error[E0008]"));
  CHECK(laid("a:\t1\n").contains("error[E0004]"));
}

/// Every example and every broken file that is YAML: it means the same, and its comments are all there.
TEST_CASE("files_of_this_project_keep_their_meaning_and_comments") {
  std::size_t asked = 0;
  for (const std::string folder : {"/policies", "/tests/unit/policy/broken"}) {
    for (const auto& entry : std::filesystem::directory_iterator(ENFORCER_SOURCE_DIR + folder)) {
      if (entry.path().extension() != ".yaml") continue;
      CAPTURE(entry.path().string());
      std::ifstream stream(entry.path());
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      const auto out = formatted("f", text);
      Diagnostics problems;
      (void)read_yaml("f", text, problems);
      CHECK(out.has_value() == !problems.has_errors());
      if (!out) continue;
      ++asked;
      CHECK(std::ranges::count(*out, '#') == std::ranges::count(text, '#'));
      CHECK(formatted("f", *out).value_or("refused") == *out);
    }
  }
  CHECK(asked > 20);
}

}  // namespace
}  // namespace enforcer::policy::test
