#include "base/base64url.h"

#include <doctest/doctest.h>

#include <string>

namespace enforcer {
namespace {

std::string encoded(std::string_view octets) {
  std::string text(base64url_size(octets.size()), '?');
  base64url(as_bytes(octets), text);
  return text;
}

}  // namespace

TEST_CASE("base64url_is_that_of_rfc_4648_without_padding") {
  // RFC 4648 10, and RFC 7515 C.
  const std::pair<std::string_view, std::string_view> known[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\x03\xec\xff\xe0\xc1", "A-z_4ME"}};
  for (const auto& [octets, text] : known) {
    CAPTURE(octets);
    CHECK(encoded(octets) == text);
  }
  CHECK(encoded(std::string_view("\0\0", 2)) == "AAA");
}

// Octets of one value make a text of one period, whatever the pieces in which they are worked on.
TEST_CASE("base64url_of_any_length_is_one_text") {
  for (std::size_t size = 0; size <= 200; ++size) {
    CAPTURE(size);
    const std::string text = encoded(std::string(size, '\xff'));
    REQUIRE(text.size() == base64url_size(size));
    CHECK(text.find_first_not_of('_') >= size / 3 * 4);  // npos, when nothing is left over
    const std::string_view rest = std::string_view(text).substr(size / 3 * 4);
    CHECK(rest == (size % 3 == 0 ? "" : size % 3 == 1 ? "_w" : "__8"));
  }
  std::string counted;
  for (int i = 0; i < 96; ++i) counted += static_cast<char>(i);
  for (std::size_t split = 0; split <= counted.size(); split += 3) {  // whole groups stand side by side
    CHECK(encoded(counted) == encoded(counted.substr(0, split)) + encoded(counted.substr(split)));
  }
}

}  // namespace enforcer
