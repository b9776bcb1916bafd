#include "base/host_name.h"

#include <doctest/doctest.h>

#include <string>

using enforcer::HostName;

namespace {

std::string canonical(std::string_view text) {
  const auto name = HostName::parse(text);
  return name ? name->text() : "refused: " + name.error().message;
}

}  // namespace

TEST_CASE("one_spelling_of_a_name_whatever_was_sent") {
  for (const char* spelling : {"api.example.com", "API.Example.COM", "api.example.com.", "Api.exAmple.com."}) {
    CAPTURE(spelling);
    CHECK(canonical(spelling) == "api.example.com");
  }
  CHECK(canonical("_dmarc.example.com") == "_dmarc.example.com");
  CHECK(canonical("xn--bcher-kva.example") == "xn--bcher-kva.example");
}

TEST_CASE("refuses_what_is_not_a_name") {
  using namespace std::string_literals;
  const std::string label64(64, 'a');
  for (const std::string& text : {""s,
                                  "."s,
                                  ".."s,
                                  "a..b"s,
                                  ".a"s,
                                  "a.b.."s,
                                  "a b.c"s,
                                  "a\0.b"s,
                                  "a\n.b"s,
                                  "b\xc3\xbc"
                                  "cher.example"s,
                                  "ok\xe3\x80\x82test"s,
                                  "*.wild.test"s,
                                  "ok.test@no.test"s,
                                  "ok.test:443"s,
                                  "ok%2etest"s,
                                  "-a.b"s,
                                  "a-.b"s,
                                  "a/b"s,
                                  "[::1]"s,
                                  label64 + ".a"}) {
    CAPTURE(text);
    CHECK_FALSE(HostName::parse(text).has_value());
  }
  CHECK(HostName::parse(std::string(63, 'a') + ".a").has_value());
}

TEST_CASE("refuses_every_spelling_a_resolver_could_read_as_an_address") {
  for (const char* text :
       {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "1.2.3.0x4", "a.b.1", "0x"}) {
    CAPTURE(text);
    CHECK_FALSE(HostName::parse(text).has_value());
  }
  CHECK(canonical("1.2.3.4.example") == "1.2.3.4.example");
  CHECK(canonical("0x7f.test") == "0x7f.test");
}

TEST_CASE("length_is_bounded_at_253_octets") {
  std::string longest;
  while (longest.size() < 250) longest += "a.";
  longest += "abc";
  REQUIRE(longest.size() == 253);
  CHECK(HostName::parse(longest).has_value());
  CHECK(HostName::parse(longest + ".").has_value());
  CHECK_FALSE(HostName::parse(longest + "a").has_value());
}

TEST_CASE("labels_go_from_left_to_right") {
  const auto name = HostName::parse("a.bc.def");
  REQUIRE(name.has_value());
  CHECK(name->labels() == std::vector<std::string_view>{"a", "bc", "def"});
}
