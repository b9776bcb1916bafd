#include "http/path.h"

#include <doctest/doctest.h>

using enforcer::http::canonical_path;

namespace {

std::string canonical_target(std::string_view target) {
  const auto path = canonical_path(target);
  return path ? path->target() : "(" + path.error().message + ")";
}

bool refused_target(std::string_view target) {
  return !canonical_path(target).has_value();
}

}  // namespace

TEST_CASE("a_plain_path_stays_as_it_is") {
  for (const char* path :
       {"/", "/a", "/a/", "/repos/acme/w/issues", "/a.b-c_d~e/f!$&'()*+,=:@", "/.hidden/..x/...", "/a;v=1/b"}) {
    CHECK(canonical_target(path) == path);
  }
}

TEST_CASE("invariant_7_every_spelling_of_a_path_becomes_the_same_octets") {
  CHECK(canonical_target("/%61%7e%2E%2d/b") == "/a~.-/b");
  CHECK(canonical_target("/@scope%2fpkg") == "/@scope%2Fpkg");
  CHECK(canonical_target("/caf%c3%a9") == "/caf%C3%A9");
  CHECK(canonical_target("/a[1]{2}|\"<>^`") == "/a%5B1%5D%7B2%7D%7C%22%3C%3E%5E%60");
  CHECK(canonical_target("/a%5b1%5d") == "/a%5B1%5D");
  CHECK(canonical_target("/100%25") == "/100%25");
  CHECK(canonical_target("/100%25ab") == "/100%25ab");
  CHECK(canonical_target("/a%20b") == "/a%20b");
}

TEST_CASE("canonical_paths_are_fixed_points") {
  for (const char* path : {"/a/./b/../c", "/%7ex//y/", "/a[1]", "/@s%2fp?q=%zz", "/x/%2e%2e/y"}) {
    const std::string once = canonical_target(path);
    CHECK(canonical_target(once) == once);
  }
}

TEST_CASE("resolves_dot_segments_and_collapses_slashes") {
  CHECK(canonical_target("/a/./b") == "/a/b");
  CHECK(canonical_target("/a/b/../c") == "/a/c");
  CHECK(canonical_target("/a/%2e%2E/c") == "/c");
  CHECK(canonical_target("/a/b/..") == "/a/");
  CHECK(canonical_target("/a/.") == "/a/");
  CHECK(canonical_target("/a/..") == "/");
  CHECK(canonical_target("//admin///x//") == "/admin/x/");
  CHECK(canonical_target("/a//b/../c") == "/a/c");
}

TEST_CASE("refuses_what_an_origin_could_read_as_another_path") {
  for (const char* path :
       {"/a\\b",      "/a%5cb",         "/a/..%2fadmin", "/a/%2e%2e%2Fadmin", "/..%2f",        "/%2fadmin",
        "/a%2F",      "/a%2F%2Fb",      "/a%2f.%2fb",    "/..;/admin",        "/a/..;x=1/b",   "/.;/b",
        "/;/b",       "/a%2f..;x",      "/..%3b/admin",  "/%252e%252e/",      "/a%252fb",      "/a%255cb",
        "/a%2500",    "/%25%32%65",     "/a%25252e",     "/a//../b",          "/a//b/../../c", "/../a",
        "/a/../../b", "/%c0%ae%c0%ae/", "/%ff",          "/%ed%a0%80",        "/%f4%90%80%80", "/%c3",
        "/a%00b",     "/a%0d%0ab",      "/a%7f"}) {
    CAPTURE(path);
    CHECK(refused_target(path));
  }
}

TEST_CASE("refuses_what_is_no_request_target") {
  for (const char* path : {"", "a", "*", "http://x/", "/a b", "/a#b", "/a%", "/a%2", "/a%gg", "/caf\xc3\xa9", "/a\tb",
                           "/a?b c", "/a?b#c", "/a?\x7f", "/a?caf\xc3\xa9"}) {
    CAPTURE(path);
    CHECK(refused_target(path));
  }
}

TEST_CASE("a_query_is_kept_untouched") {
  CHECK(canonical_target("/a/../b?x=../%2e&y[]=100%&z=?/") == "/b?x=../%2e&y[]=100%&z=?/");
  CHECK(canonical_target("/a?") == "/a?");
  CHECK_FALSE(canonical_path("/a")->query.has_value());
  CHECK(canonical_path("/a?b")->path == "/a");
}
