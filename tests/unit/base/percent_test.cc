#include "base/percent.h"

#include <doctest/doctest.h>

#include "base/ascii.h"

using namespace enforcer;

TEST_CASE("percent_encoding_leaves_unreserved_characters_and_nothing_else") {
  CHECK(percent_encode("") == "");
  CHECK(percent_encode("azAZ09-._~") == "azAZ09-._~");
  CHECK(percent_encode("a b+c/d?e=f&g%h") == "a%20b%2Bc%2Fd%3Fe%3Df%26g%25h");
  CHECK(percent_encode("\xc3\xa9\n") == "%C3%A9%0A");
  CHECK(percent_encode(std::string_view("\0\xff", 2)) == "%00%FF");
}

TEST_CASE("characters_are_those_of_ascii_for_every_octet") {
  int visible = 0;
  int printable = 0;
  int unreserved = 0;
  for (int octet = 0; octet < 256; ++octet) {
    const char c = static_cast<char>(octet);
    visible += ascii::is_visible(c) ? 1 : 0;
    printable += ascii::is_printable(c) ? 1 : 0;
    unreserved += ascii::is_unreserved(c) ? 1 : 0;
  }
  CHECK(visible == 94);
  CHECK(printable == 95);
  CHECK(unreserved == 66);
  CHECK(ascii::is_visible('!'));
  CHECK(ascii::is_visible('~'));
  CHECK_FALSE(ascii::is_visible(' '));
  CHECK_FALSE(ascii::is_visible('\x7f'));
  CHECK_FALSE(ascii::is_visible('\x80'));
  CHECK(ascii::is_printable(' '));
  CHECK_FALSE(ascii::is_printable('\t'));
  CHECK_FALSE(ascii::is_printable('\xa0'));
}
