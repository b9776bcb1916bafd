// What paths have in common, and what is not concluded from them.
#include "enforcerctl/path_template.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

using namespace enforcer::ctl;

namespace {

/// "GET /a/*", … of such requests.
std::vector<std::string> learnt(const std::vector<std::string>& requests) {
  std::vector<SeenRequest> seen;
  for (const std::string& text : requests) {
    const auto space = text.find(' ');
    seen.push_back({text.substr(0, space), text.substr(space + 1)});
  }
  std::vector<std::string> out;
  for (const PathTemplate& one : learn_paths(seen))
    out.push_back(fmt::format("{} {}", fmt::join(one.methods, ","), one.pattern));
  return out;
}

using Texts = std::vector<std::string>;

/// GET of "/prefix0/suffix", "/prefix1/suffix", …
Texts numbered(std::string_view prefix, std::size_t count, std::string_view suffix = "") {
  Texts out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(fmt::format("GET {}{}{}", prefix, i, suffix));
  return out;
}

}  // namespace

TEST_CASE("ids_that_vary_become_one_segment") {
  CHECK(learnt({"GET /repos/acme/w/issues/17", "GET /repos/acme/w/issues/4"}) == Texts{"GET /repos/acme/w/issues/*"});
  CHECK(learnt({"GET /o/0b7e9a52-1c1f-4f0a-9d51-0c5d8f8a8f11/x", "GET /o/9a3c7f10-aaaa-4bbb-8ccc-1234567890ab/x"}) ==
        Texts{"GET /o/*/x"});
  CHECK(learnt({"GET /c/deadbeef", "GET /c/00c0ffee00"}) == Texts{"GET /c/*"});
  // Seven digits of a hash are a word like any other.
  CHECK(learnt({"GET /c/deadbee", "GET /c/c0ffee0"}) == Texts{"GET /c/c0ffee0", "GET /c/deadbee"});
}

TEST_CASE("an_id_that_was_always_the_same_stays") {
  CHECK(learnt({"GET /teams/17/members", "GET /teams/17/repos"}) ==
        Texts{"GET /teams/17/members", "GET /teams/17/repos"});
}

TEST_CASE("words_vary_when_there_are_more_than_ten_of_them") {
  CHECK(learnt(numbered("/p/pkg-", kManyValues)).size() == kManyValues);
  CHECK(learnt(numbered("/p/pkg-", kManyValues + 1)) == Texts{"GET /p/*"});
  CHECK(learnt(numbered("/p/pkg-", kManyValues + 1, "/meta")) == Texts{"GET /p/*/meta"});
}

TEST_CASE("what_a_wider_template_says_already_is_not_said_again") {
  CHECK(learnt({"GET /a/1", "GET /a/2", "GET /a/new"}) == Texts{"GET /a/*"});
  const auto templates = learn_paths({{"GET", "/a/1", 3}, {"GET", "/a/2", 1}, {"GET", "/a/new", 5}});
  REQUIRE(templates.size() == 1);
  CHECK(templates[0].requests == 9);
  CHECK(templates[0].paths == 3);
  CHECK(templates[0].example == "/a/1");
}

TEST_CASE("each_method_is_learnt_by_itself") {
  CHECK(learnt({"GET /a/1", "GET /a/2", "DELETE /a/2"}) == Texts{"GET /a/*", "DELETE /a/2"});
  CHECK(learnt({"GET /a/1", "GET /a/2", "DELETE /a/2", "DELETE /a/3"}) == Texts{"DELETE,GET /a/*"});
}

TEST_CASE("a_tree_below_a_segment_that_stays_becomes_a_long_tail") {
  Texts tree = numbered("/files/d", 12);
  for (const std::string& path : numbered("/files/d", 12, "/x/y")) tree.push_back(path);
  CHECK(learnt(tree) == Texts{"GET /files/*", "GET /files/*/x/y"});  // two depths are not a tree yet
  tree.push_back("GET /files/d0/x/y/z");
  CHECK(learnt(tree) == Texts{"GET /files/**"});
  // Below nothing but wildcards a tail would be everything.
  Texts root = numbered("/d", 12);
  for (const std::string& path : numbered("/d", 12, "/x/y")) root.push_back(path);
  root.push_back("GET /d0/x/y/z");
  CHECK(learnt(root) == Texts{"GET /*", "GET /*/x/y", "GET /*/x/y/z"});
}

TEST_CASE("many_templates_below_a_segment_become_a_long_tail_but_never_at_the_root") {
  Texts paths;
  for (const char* one : {"a", "b", "c"}) {
    for (int i = 0; i < 7; ++i) paths.push_back(fmt::format("GET /api/{}/w{}", one, i));
  }
  CHECK(learnt(paths) == Texts{"GET /api/**"});
  paths.pop_back();
  CHECK(learnt(paths).size() == kManyTemplates);
  Texts at_root;
  for (const char* one : {"a", "b", "c"}) {
    for (int i = 0; i < 8; ++i) at_root.push_back(fmt::format("GET /{}/w{}", one, i));
  }
  CHECK(learnt(at_root).size() == 24);
}

TEST_CASE("the_root_and_a_slash_at_the_end_are_what_patterns_take_them_for") {
  CHECK(learnt({"GET /"}) == Texts{"GET /"});
  CHECK(learnt({"GET /a/", "GET /a"}) == Texts{"GET /a"});
}

TEST_CASE("segments_that_origins_read_in_two_ways_are_never_generalised") {
  Texts scoped;
  for (int i = 0; i < 15; ++i) scoped.push_back(fmt::format("GET /@s%2Fp{}", i));
  CHECK(learnt(scoped).size() == 15);
  CHECK(learnt({"GET /a/1", "GET /a/2", "GET /a/3;x"}) == Texts{"GET /a/*", "GET /a/3;x"});
}

TEST_CASE("only_paths_that_a_policy_can_name_are_learnt") {
  for (const char* path : {"/", "/a/b.c", "/@s%2Fp", "/a;b=c"}) CHECK(can_be_learnt(path));
  for (const char* path : {"", "*", "/a/*", "/**", "/a/../b", "/a b", "/a\\x0a", "/a\nb", "/\"", "/a...[9 bytes]"}) {
    CAPTURE(path);
    CHECK_FALSE(can_be_learnt(path));
  }
}

TEST_CASE("the_order_of_requests_makes_no_difference") {
  std::vector<SeenRequest> seen;
  for (int i = 0; i < 40; ++i) {
    seen.push_back({i % 3 ? "GET" : "POST", fmt::format("/a{}/{}/w{}", i % 2, i, i % 13)});
  }
  const auto once = learn_paths(seen);
  std::ranges::reverse(seen);
  CHECK(learn_paths(seen) == once);
}
