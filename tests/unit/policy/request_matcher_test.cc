#include "policy/request_matcher.h"

#include <doctest/doctest.h>

#include "fixture.h"
#include "policy/glob.h"

namespace enforcer::policy::test {
namespace {

bool allows(const HttpMatcher& matcher, const std::string& request) {
  return matches(matcher, *facts("https a.test:443 " + request).request, Leaning::kAllowing) == Truth::kYes;
}
bool denies(const HttpMatcher& matcher, const std::string& request) {
  return matches(matcher, *facts("https a.test:443 " + request).request, Leaning::kObjecting) == Truth::kYes;
}

TEST_CASE("a_path_that_origins_read_in_two_ways_must_fit_both_to_be_allowed_and_one_to_be_denied") {
  const HttpMatcher one_deep{.paths = {"/ns/*"}};
  CHECK(allows(one_deep, "GET /ns/default"));  // the control
  CHECK_FALSE(allows(one_deep, "GET /ns/kube-system%2Fsecrets"));
  const HttpMatcher project{.paths = {"/projects/acme%2Fw/**"}};
  CHECK(allows(project, "GET /projects/acme%2Fw/issues"));
  CHECK_FALSE(allows(project, "GET /projects/acme/w/issues"));
  const HttpMatcher admin{.paths = {"/admin/**"}};
  for (const char* path :
       {"/admin/users", "/admin%2Fusers", "/admin;x=1/users", "/admin%3Bx/users", "/Admin/users", "/ADMIN"}) {
    CAPTURE(path);
    CHECK(denies(admin, std::string("GET ") + path));
  }
  CHECK_FALSE(denies(admin, "GET /administration"));
  CHECK_FALSE(allows(admin, "GET /Admin/users"));
}

TEST_CASE("a_star_in_a_glob_is_any_text") {
  CHECK(glob_matches("", ""));
  CHECK(glob_matches("*", ""));
  CHECK(glob_matches("bar*", "bar"));
  CHECK(glob_matches("*b*d", "abcbd"));
  CHECK(glob_matches("a*b*c", "aXbYbZc"));
  CHECK_FALSE(glob_matches("", "a"));
  CHECK_FALSE(glob_matches("a*b", "abc"));
  CHECK_FALSE(glob_matches("Get*", "getX"));
  CHECK(glob_matches("Get*", "getX", Letters::kFolded));
  // A glob that would take for ever in a matcher that tries all ways.
  CHECK_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(10000, 'a')));
}

TEST_CASE("one_star_in_a_path_is_a_segment_and_two_are_any_number") {
  CHECK(path_matches("/repos/acme/*/issues/**", "/repos/acme/w/issues"));
  CHECK(path_matches("/repos/acme/*/issues/**", "/repos/acme/w/issues/1/comments"));
  CHECK_FALSE(path_matches("/repos/acme/*/issues/**", "/repos/acme/w/x/issues/1"));
  CHECK_FALSE(path_matches("/repos/acme/*/issues/**", "/repos/acme/w/issuesX"));
  CHECK(path_matches("/**/end", "/end"));
  CHECK(path_matches("/**/end", "/a/end/b/end"));
  CHECK(path_matches("/**/a/*/c", "/a/a/a/b/c"));
  CHECK_FALSE(path_matches("/*", "/"));
  CHECK_FALSE(path_matches("/*", "/a/b"));
  CHECK(path_matches("/v*.json", "/v1.json"));
  CHECK_FALSE(path_matches("/v*.json", "/v1/x.json"));
  CHECK(path_matches("/", "/"));
  CHECK(path_matches("/**", "/"));
  CHECK(path_matches("/@a%2Fb", "/@a%2Fb"));
  CHECK_FALSE(path_matches("/a/b", "/a%2Fb"));
}

TEST_CASE("a_slash_at_the_end_of_a_path_changes_nothing") {
  CHECK(path_matches("/admin", "/admin/"));
  CHECK(path_matches("/admin/", "/admin"));
  CHECK(path_matches("/admin/*", "/admin/x/"));
  CHECK_FALSE(path_matches("/admin/*", "/admin/"));
}

TEST_CASE("fields_are_anded_and_items_are_ored") {
  const HttpMatcher matcher{.methods = {"POST", "PATCH"}, .paths = {"/a/**", "/b"}, .headers = {}, .query = {}};
  CHECK(allows(matcher, "POST /a/x"));
  CHECK(allows(matcher, "PATCH /b"));
  CHECK_FALSE(allows(matcher, "GET /b"));
  CHECK_FALSE(allows(matcher, "POST /c"));
  CHECK(allows({}, "GET /anything"));
}

TEST_CASE("attack_117_every_value_of_a_header_must_match_to_allow_and_any_to_deny") {
  const HttpMatcher matcher{.methods = {}, .paths = {}, .headers = {{"role", "user*"}}, .query = {}};
  struct Case {
    const char* request;
    bool allowed;
    bool denied;
  };
  for (const Case& c : std::initializer_list<Case>{{"GET /|role: user", true, true},
                                                   {"GET /|role: user, users", true, true},
                                                   {"GET /|role: user|role: user2", true, true},
                                                   {"GET /|role: user|role: admin", false, true},
                                                   {"GET /|role: admin|role: user", false, true},
                                                   {"GET /|role: user,admin", false, true},
                                                   {"GET /|role: admin ,user", false, true},
                                                   {"GET /|role: user,", false, true},
                                                   {"GET /|role: admin", false, false},
                                                   {"GET /|role: User", false, false},
                                                   {"GET /", false, false},
                                                   {"GET /|roles: user", false, false}}) {
    CAPTURE(c.request);
    CHECK(allows(matcher, c.request) == c.allowed);
    CHECK(denies(matcher, c.request) == c.denied);
  }
  const HttpMatcher list{.methods = {}, .paths = {}, .headers = {{"accept", "text/html, *"}}, .query = {}};
  CHECK(allows(list, "GET /|accept: text/html, x"));
  CHECK_FALSE(allows(list, "GET /|accept: text/html"));
}

TEST_CASE("every_value_of_a_parameter_must_match_to_allow_and_any_to_deny") {
  const HttpMatcher matcher{.methods = {}, .paths = {}, .headers = {}, .query = {{"state", "open*"}}};
  struct Case {
    const char* query;
    bool allowed;
    bool denied;
  };
  for (const Case& c : std::initializer_list<Case>{{"?state=open", true, true},
                                                   {"?x=1&state=opened&", true, true},
                                                   {"?%73tate=%6Fpen", true, true},
                                                   {"?state=open&state=closed", false, true},
                                                   {"?state=open&%73tate=closed", false, true},
                                                   {"?state=open;state=closed", false, true},
                                                   {"?a=1;state=open", false, true},
                                                   {"?state=open&x=%zz", false, true},
                                                   {"?x=%00", false, true},  // a name may end at a NUL
                                                   {"?state=open%2", false, true},
                                                   {"?state=+open", false, false},
                                                   {"?State=open", false, false},
                                                   {"?state", false, false},
                                                   {"?", false, false},
                                                   {"", false, false}}) {
    CAPTURE(c.query);
    CHECK(allows(matcher, std::string("GET /") + c.query) == c.allowed);
    CHECK(denies(matcher, std::string("GET /") + c.query) == c.denied);
  }
}

TEST_CASE("attack_115_a_method_in_the_query_counts_like_the_one_in_the_head") {
  const HttpMatcher reads{.methods = {"GET", "POST"}, .paths = {"/**"}};
  const HttpMatcher deletions{.methods = {"DELETE"}};
  CHECK(allows(reads, "POST /x"));
  CHECK_FALSE(denies(deletions, "POST /x"));
  for (const char* query :
       {"_method=DELETE", "_method=delete", "a=1&_method=DELETE&b", "_METHOD=DELETE", "%5fmethod=%44ELETE",
        "a=1;_method=DELETE", "_method=POST&_method=DELETE", "_method[]=DELETE", "-method=DELETE", "+_method=DELETE",
        "X-HTTP-Method-Override=DELETE", "_HttpMethod=DELETE", "_method=DELETE%09", "x_http_method_override=Delete",
        "X-HTTP-Method=DELETE", "X-Method-Override=DELETE", "_method=+DELETE%20", "_method=%u0044ELETE"}) {
    CAPTURE(query);
    for (const char* method : {"POST /x?", "GET /x?"}) {
      CHECK_FALSE(allows(reads, std::string(method) + query));
      CHECK(denies(deletions, std::string(method) + query));
    }
    CHECK(denies(reads, std::string("POST /x?") + query));  // what the head says holds all the same
  }
  for (const char* query : {"_method=GET", "_method=get", "_method=POST&X-HTTP-Method=GET"}) {
    CAPTURE(query);
    CHECK(allows(reads, std::string("POST /x?") + query));
    CHECK_FALSE(denies(deletions, std::string("POST /x?") + query));
    CHECK_FALSE(allows(deletions, std::string("DELETE /x?") + query));
  }
  for (const char* query :
       {"method=DELETE", "my_method=DELETE", "x=_method", "x=1%26_method=DELETE", "__method=DELETE"}) {
    CAPTURE(query);
    CHECK(allows(reads, std::string("POST /x?") + query));
    CHECK_FALSE(denies(deletions, std::string("POST /x?") + query));
  }
  for (const char* query : {"_method", "_method=", "_method=%zz", "_method=%00DELETE"}) {  // may be anything
    CAPTURE(query);
    CHECK_FALSE(allows(reads, std::string("POST /x?") + query));
    CHECK(denies(deletions, std::string("POST /x?") + query));
  }
  CHECK(allows({.paths = {"/**"}}, "POST /x?_method=DELETE"));  // a rule that names no methods asks for none
  CHECK_FALSE(denies({.methods = {"DELETE"}, .paths = {"/y"}}, "POST /x?_method=DELETE"));
}

TEST_CASE("of_a_recorded_request_nothing_is_guessed_that_records_do_not_keep") {
  const auto recorded = [](const std::string& request) {
    RequestFacts made = *facts("https a.test:443 " + request).request;
    made.extent = RequestFacts::Extent::kRecorded;
    return made;
  };
  const auto both = [](const auto& matcher, const RequestFacts& request) {
    const Truth truth = matches(matcher, request, Leaning::kAllowing);
    CHECK(matches(matcher, request, Leaning::kObjecting) == truth);
    return truth;
  };
  const HttpMatcher header{.paths = {"/x"}, .headers = {{"x-a", "b"}}};
  CHECK(both(header, recorded("GET /x")) == Truth::kCannotTell);
  CHECK(both(header, recorded("GET /y")) == Truth::kNo);
  CHECK(both(header, *facts("https a.test:443 GET /x").request) == Truth::kNo);  // the control: there is none
  const HttpMatcher query{.query = {{"q", "b"}}};
  CHECK(both(query, recorded("GET /x?q=*")) == Truth::kCannotTell);
  CHECK(both(query, recorded("GET /x")) == Truth::kNo);
  CHECK(both(HttpMatcher{.methods = {"GET"}, .paths = {"/x"}}, recorded("GET /x?q=*")) == Truth::kYes);
  CHECK(both(HttpMatcher{.methods = {"PUT"}, .paths = {"/x"}}, recorded("GET /x?q=*")) == Truth::kNo);
  const HttpMatcher reads{.methods = {"GET"}};
  const HttpMatcher deletions{.methods = {"DELETE"}};
  CHECK(matches(reads, recorded("GET /x?_method=*"), Leaning::kAllowing) == Truth::kCannotTell);
  CHECK(matches(reads, recorded("GET /x?_method=*"), Leaning::kObjecting) == Truth::kYes);
  CHECK(matches(deletions, recorded("GET /x?_method=*"), Leaning::kAllowing) == Truth::kNo);
  CHECK(matches(deletions, recorded("GET /x?_method=*"), Leaning::kObjecting) == Truth::kCannotTell);
  const GitMatcher fetch{.repos = {"acme/w"}, .push = false};
  CHECK(both(fetch, recorded("GET /acme/w.git/info/refs?service=*")) == Truth::kCannotTell);
  CHECK(both(fetch, recorded("GET /acme/x.git/info/refs?service=*")) == Truth::kNo);
  CHECK(both(fetch, recorded("GET /acme/w.git/info/refs?service=git-upload-pack")) == Truth::kYes);
  CHECK(both(fetch, recorded("POST /acme/w.git/git-upload-pack")) == Truth::kYes);
  CHECK(both(fetch, recorded("POST /acme/w.git/git-receive-pack")) == Truth::kNo);
}

TEST_CASE("git_is_told_by_its_smart_http_requests") {
  const auto ask = [](const GitMatcher& matcher, const std::string& request, Leaning leaning = Leaning::kAllowing) {
    return matches(matcher, *facts("https a.test:443 " + request).request, leaning) == Truth::kYes;
  };
  const GitMatcher fetch{.repos = {"acme/*"}, .fetch = true, .push = false};
  const GitMatcher push{.repos = {"acme/*"}, .fetch = false, .push = true};
  for (const char* request : {"GET /acme/w.git/info/refs?service=git-upload-pack", "POST /acme/w.git/git-upload-pack",
                              "GET /acme/w/info/refs?service=git-upload-pack", "POST /acme/w/git-upload-pack"}) {
    CAPTURE(request);
    CHECK(ask(fetch, request));
    CHECK_FALSE(ask(push, request));
  }
  CHECK(ask(push, "GET /acme/w/info/refs?service=git-receive-pack"));
  CHECK(ask(push, "POST /acme/w.git/git-receive-pack"));
  for (const char* request :
       {"GET /acme/w", "GET /acme/w.git/info/refs", "GET /acme/w.git/info/refs?service=git-upload-archive",
        "GET /acme/w.git/info/refs?service=git-upload-pack&service=git-receive-pack",
        "POST /acme/w.git/info/refs?service=git-upload-pack", "GET /acme/w.git/git-upload-pack",
        "POST /other/w.git/git-upload-pack", "POST /acme/git-upload-pack", "POST /acme/a/b/git-upload-pack",
        "POST /acme/wgit-upload-pack", "POST /git-upload-pack", "POST /Acme/w.git/git-upload-pack"}) {
    CAPTURE(request);
    CHECK_FALSE(ask(fetch, request));
  }
  const GitMatcher secret{.repos = {"acme/secret"}};
  for (const char* request :
       {"POST /acme/secret/git-upload-pack", "POST /Acme/SECRET.git/git-upload-pack",
        "POST /acme/secret/git-upload-pack/", "GET /acme/secret/info/refs?x=1&service=git-receive-pack"}) {
    CAPTURE(request);
    CHECK(ask(secret, request, Leaning::kObjecting));
  }
}

TEST_CASE("aws_is_three_valued") {
  const AwsMatcher matcher{{{"ce", "Get*"}, {"iam", "*"}}};
  const auto ask = [&](const char* service, const char* action) {
    RequestFacts request;
    request.aws = AwsCall{service, action, {}};
    return matches(matcher, request, Leaning::kAllowing);
  };
  CHECK(ask("ce", "GetCostAndUsage") == Truth::kYes);
  CHECK(ask("ce", "ListX") == Truth::kNo);
  CHECK(ask("ce", "GETX") == Truth::kCannotTell);
  CHECK(ask("ce", "") == Truth::kCannotTell);
  CHECK(ask("s3", "") == Truth::kNo);
  CHECK(ask("iam", "") == Truth::kYes);
  CHECK(ask("", "") == Truth::kCannotTell);
  CHECK(matches(matcher, RequestFacts(), Leaning::kAllowing) == Truth::kCannotTell);  // nobody has read it
}

TEST_CASE("all_matchers_of_a_rule_must_match_and_one_that_does_not_settles_it") {
  RequestMatcher matcher{.http = {{.methods = {"GET"}}, {.methods = {"PUT"}}}};
  const auto ask = [&](const char* method) {
    RequestFacts request;
    request.method = method;
    return matches(matcher, request, Leaning::kAllowing);
  };
  CHECK(ask("PUT") == Truth::kYes);
  CHECK(ask("POST") == Truth::kNo);
  matcher.unseen = true;
  CHECK(ask("PUT") == Truth::kCannotSee);
  CHECK(ask("POST") == Truth::kNo);
  matcher.aws = AwsMatcher{{{"ce", "*"}}};
  CHECK(ask("PUT") == Truth::kCannotSee);
  CHECK(ask("POST") == Truth::kNo);
}

}  // namespace
}  // namespace enforcer::policy::test
