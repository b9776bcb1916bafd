#include "policy/host_pattern.h"

#include <doctest/doctest.h>

#include "policy/target.h"

namespace enforcer::policy {
namespace {

bool matches(const char* pattern, const char* name) {
  const auto parsed = HostPattern::parse(pattern);
  REQUIRE_MESSAGE(parsed, pattern);
  return parsed->matches(*HostName::parse(name));
}

TEST_CASE("a_pattern_matches_whole_labels_and_never_its_apex") {
  struct Row {
    const char* pattern;
    const char* name;
    bool matches;
  };
  // The label-boundary tricks: a suffix that is not a label, the name as somebody else's subdomain, a prefix that is
  // not a label.
  const Row rows[] = {
      {"ok.test", "ok.test", true},
      {"OK.Test.", "ok.test", true},
      {"ok.test", "notok.test", false},
      {"ok.test", "ok.test.evil.test", false},
      {"ok.test", "x.ok.test", false},
      {"*.wild.test", "a.wild.test", true},
      {"*.wild.test", "wild.test", false},
      {"*.wild.test", "a.b.wild.test", false},
      {"*.wild.test", "awild.test", false},
      {"**.wild.test", "a.wild.test", true},
      {"**.wild.test", "a.b.c.wild.test", true},
      {"**.wild.test", "wild.test", false},
      {"**.wild.test", "notwild.test", false},
      {"**.wild.test", "a.wild.test.evil", false},
      {"*-aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com", true},
      {"*-aiplatform.googleapis.com", "aiplatform.googleapis.com", false},
      {"*-aiplatform.googleapis.com", "x.us-aiplatform.googleapis.com", false},
      {"pre*.a.test", "pre.a.test", false},
      {"pre*.a.test", "pre1.a.test", true},
      {"a*c.t.test", "ac.t.test", false},
      {"a*c.t.test", "abc.t.test", true},
      {"ce.*.amazonaws.com", "ce.us-east-1.amazonaws.com", true},
      {"ce.*.amazonaws.com", "ce.amazonaws.com", false},
      {"ce.*.amazonaws.com", "ce.a.b.amazonaws.com", false},
      {"*.*.a.test", "x.y.a.test", true},
      {"*.*.a.test", "x.a.test", false},
      {"**.*.a.test", "x.y.a.test", true},
      {"**.*.a.test", "y.a.test", false},
      {"**", "anything.at.all", true},
      {"*", "localhost", true},
      {"*", "a.b", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.name);
    CHECK(matches(row.pattern, row.name) == row.matches);
  }
}

TEST_CASE("a_wildcard_stands_only_where_the_language_has_one") {
  for (const char* text :
       {"a.**.b", "**a.test", "a.b.*", "a.*b.test", "*a*.test", "***.test", "a.*.*.test", "*.*.*.test", "**.*"}) {
    CAPTURE(text);
    const auto parsed = HostPattern::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::kBadWildcard);
  }
  for (const char* text :
       {"", ".", "a..b", "-a.test", "a-.test", "a b.test", "a_b!.test", "1.2.3.4.5", "0x7f.1", "127.1", "a.0x10",
        "b\xc3\xbc"
        "cher.test",
        "a/b", "a@b"}) {
    CAPTURE(text);
    const auto parsed = HostPattern::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Code::kBadHost);
  }
}

TEST_CASE("covering_and_overlapping_agree_with_matching") {
  const char* texts[] = {"a.b.test",  "*.b.test",   "**.b.test",   "**.test",    "a.*.test", "*.*.test",   "a*.b.test",
                         "*a.b.test", "ab*.b.test", "**.a.b.test", "x.a.b.test", "**",       "a*c.b.test", "**.*.test"};
  const char* names[] = {"a.b.test", "aa.b.test", "abc.b.test", "ac.b.test",   "x.a.b.test", "y.x.a.b.test",
                         "a.c.test", "b.test",    "test",       "abxc.b.test", "q.b.test",   "enforcer-any.b.test"};
  for (const char* one : texts) {
    for (const char* other : texts) {
      const auto a = *HostPattern::parse(one);
      const auto b = *HostPattern::parse(other);
      CAPTURE(one);
      CAPTURE(other);
      CHECK(a.overlaps(b) == b.overlaps(a));
      if (a.covers(b)) CHECK(a.overlaps(b));
      if (a.covers(b)) CHECK(a.matches(b.example()));
      for (const char* text : names) {
        const auto name = *HostName::parse(text);
        CAPTURE(text);
        if (a.covers(b) && b.matches(name)) CHECK(a.matches(name));
        if (a.matches(name) && b.matches(name)) CHECK(a.overlaps(b));
      }
    }
  }
  CHECK(HostPattern::parse("**.b.test")->covers(*HostPattern::parse("*.a.b.test")));
  CHECK_FALSE(HostPattern::parse("*.b.test")->covers(*HostPattern::parse("**.b.test")));
  CHECK_FALSE(HostPattern::parse("a*.b.test")->overlaps(*HostPattern::parse("b*.b.test")));
}

TEST_CASE("an_example_exists_for_the_longest_pattern") {
  const std::string label(63, 'a');
  const std::string tail = label + "." + label + "." + label;
  for (const std::string& text : {"**." + tail + ".b", "*." + tail, std::string(60, 'a') + "*." + tail,
                                  "*" + std::string(61, 'b') + ".*." + label}) {
    CAPTURE(text);
    const auto pattern = HostPattern::parse(text);
    REQUIRE(pattern);
    CHECK(pattern->matches(pattern->example()));
  }
  CHECK_FALSE(HostPattern::parse("**." + tail + "." + std::string(61, 'c')));  // no name would be short enough
}

TEST_CASE("what_is_written_as_an_address_is_an_address") {
  for (const char* text : {"10.0.0.1", "10.0.0.0/8", "10.0.0.0/8:5432", "10.0.0.1:443", "2001:db8::1", "2001:db8::/32",
                           "[2001:db8::1]:443", "[2001:db8::/32]:*", "[::1]"}) {
    CAPTURE(text);
    const auto target = Target::parse(text, PortDefault::kHttps);
    REQUIRE(target);
    CHECK(target->block() != nullptr);
  }
  for (const char* text : {"010.0.0.1", "10.0.0", "0x0a000001", "10.0.0.1/8", "example.com/24", "[example.com]:443",
                           "[10.0.0.1]:443", "::ffff:10.0.0.1:443:", "10.0.0.256", "https://a.test/", "a.test:443/x"}) {
    CAPTURE(text);
    CHECK_FALSE(Target::parse(text, PortDefault::kHttps));
  }
}

TEST_CASE("a_port_is_one_port_or_every_port") {
  CHECK(Target::parse("a.test", PortDefault::kHttps)->port == kHttpsPort);
  CHECK(Target::parse("a.test", PortDefault::kEvery)->port == std::nullopt);
  CHECK(Target::parse("a.test:*", PortDefault::kHttps)->port == std::nullopt);
  CHECK(Target::parse("a.test:80", PortDefault::kHttps)->port == kHttpPort);
  for (const char* text :
       {"a.test:0", "a.test:65536", "a.test:", "a.test:080", "a.test:http", "a.test:-1", "a.test:80-90"}) {
    CAPTURE(text);
    const auto target = Target::parse(text, PortDefault::kHttps);
    REQUIRE_FALSE(target);
    CHECK(target.error().code == Code::kBadPort);
  }
  CHECK_FALSE(Target::parse("a.test:*", PortDefault::kHttps)->has_port(Port{0}));
}

TEST_CASE("breadth_is_judged_by_the_public_suffix_list") {
  const auto kind = [](const char* text) { return breadth(*Target::parse(text, PortDefault::kEvery)).kind; };
  using Kind = Breadth::Kind;
  for (const char* text : {"*", "**", "*.com", "**.test", "*.co.uk", "**.github.io", "a.*.com", "x*.co.uk", "0.0.0.0/0",
                           "::/0", "0.0.0.0/7"}) {
    CAPTURE(text);
    CHECK(kind(text) == Kind::kBroad);
  }
  CHECK(kind("*-aiplatform.googleapis.com") == Kind::kPrivateSuffix);
  for (const char* text :
       {"github.io", "*.example.com", "ce.*.amazonaws.com", "**.amazonaws.com", "*.wild.test", "10.0.0.0/8"}) {
    CAPTURE(text);
    CHECK(kind(text) == Kind::kNarrow);
  }
}

}  // namespace
}  // namespace enforcer::policy
