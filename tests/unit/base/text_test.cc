#include "base/text.h"

#include <doctest/doctest.h>

#include <algorithm>

using enforcer::count_of;
using enforcer::escape_untrusted;

TEST_CASE("invariant_10_nothing_but_printable_ascii_comes_out") {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
  const std::string escaped = escape_untrusted(every_byte);
  CHECK(std::ranges::all_of(escaped, [](unsigned char c) { return c >= 0x20 && c < 0x7f; }));
  CHECK(escape_untrusted("\x1b]0;owned\x07") == "\\x1b]0;owned\\x07");
  CHECK(escape_untrusted("a\nb\\n") == "a\\x0ab\\x5cn");
  CHECK(escape_untrusted("plain.example") == "plain.example");
}

TEST_CASE("a_count_of_one_takes_no_s") {
  CHECK(count_of(0, "rule") == "0 rules");
  CHECK(count_of(1, "rule") == "1 rule");
  CHECK(count_of(2, "held request") == "2 held requests");
}

TEST_CASE("a_long_value_keeps_both_ends_its_length_and_its_hash") {
  const std::string value = "begin" + std::string(70'000, 'x') + "the end";
  const std::string escaped = escape_untrusted(value);
  CHECK(escaped.size() < 700);
  CHECK(escaped.starts_with("begin"));
  CHECK(escaped.ends_with("the end"));
  CHECK(escaped.find("[70012 bytes, sha256 ") != std::string::npos);
  CHECK(escape_untrusted(value) != escape_untrusted("begin" + std::string(69'999, 'x') + "ythe end"));
}
