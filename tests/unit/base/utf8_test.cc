#include "base/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace enforcer {
namespace {

TEST_CASE("utf8_is_what_rfc_3629_says") {
  using namespace std::string_literals;
  for (const std::string& good :
       {""s, "plain"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s,
        "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "a\xe2\x82\xac" + "b"s}) {
    CAPTURE(good);
    CHECK(is_utf8(good));
    CHECK(is_utf8(good + good));
  }
  const std::string bad[] = {"\x80",  // continues nothing
                             "\xbf",
                             "\xc0\x80",  // not the shortest form
                             "\xc1\xbf",
                             "\xe0\x9f\xbf",
                             "\xf0\x8f\xbf\xbf",
                             "\xed\xa0\x80",  // surrogates
                             "\xed\xbf\xbf",
                             "\xf4\x90\x80\x80",  // above U+10FFFF
                             "\xf5\x80\x80\x80",
                             "\xff",
                             "\xfe",
                             "\xc2",  // cut off
                             "\xe2\x82",
                             "\xf0\x90\x80",
                             "\xc2z",
                             "\xe2\x82z",
                             "\xf0\x90\x80z"};
  for (const std::string& wrong : bad) {
    CAPTURE(wrong);
    CHECK_FALSE(is_utf8(wrong));
    CHECK_FALSE(is_utf8("a" + wrong + "b"));
  }
}

}  // namespace
}  // namespace enforcer
