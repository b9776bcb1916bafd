#include "http/authority.h"

#include <doctest/doctest.h>

using namespace enforcer;
using http::parse_authority;

namespace {

std::string canonical(std::string_view text) {
  const auto authority = parse_authority(text);
  return authority ? authority->to_string() : "(refused)";
}

}  // namespace

TEST_CASE("invariant_4_an_authority_has_one_spelling") {
  CHECK(canonical("OK.Test") == "ok.test");
  CHECK(canonical("ok.test.") == "ok.test");
  CHECK(canonical("ok.test.:8080") == "ok.test:8080");
  CHECK(canonical("192.0.2.1:80") == "192.0.2.1:80");
  CHECK(canonical("[2001:DB8::1]") == "[2001:db8::1]");
  CHECK(canonical("[2001:db8::1]:443") == "[2001:db8::1]:443");
  CHECK(parse_authority("[2001:db8::1]")->host_text() == "2001:db8::1");
}

TEST_CASE("refuses_every_other_form_of_an_authority") {
  for (const std::string_view text : {"",
                                      ":80",
                                      "ok.test:",
                                      "ok.test:0",
                                      "ok.test:65536",
                                      "ok.test:080",
                                      "ok.test:+80",
                                      "ok.test:80x",
                                      "ok.test: 80",
                                      "user@ok.test",
                                      "ok.test@no.test",
                                      "ok.test:443,no.test",
                                      "ok.test,no.test",
                                      "ok%2etest",
                                      "ok.test/",
                                      "ok.test\\",
                                      "ok .test",
                                      "2001:db8::1",
                                      "[ok.test]",
                                      "[192.0.2.1]",
                                      "[::ffff:7f00:1]",
                                      "[::ffff:127.0.0.1]",
                                      "[fe80::1%25eth0]",
                                      "[::1",
                                      "::1]",
                                      "0177.0.0.1",
                                      "0x7f.1",
                                      "2130706433",
                                      "127.1",
                                      "1.2.3.4.",
                                      "ok..test",
                                      ".ok.test",
                                      "*.ok.test",
                                      "b\xc3\xbc.test"}) {
    CAPTURE(text);
    CHECK(canonical(text) == "(refused)");
  }
  CHECK(canonical(std::string_view("ok\0.test", 8)) == "(refused)");
}
