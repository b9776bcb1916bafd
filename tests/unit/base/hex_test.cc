#include "base/hex.h"

#include <doctest/doctest.h>

using namespace enforcer;

TEST_CASE("hex_has_two_lower_case_digits_for_each_octet") {
  CHECK(hex(as_bytes("foobar")) == "666f6f626172");  // RFC 4648 10
  constexpr std::uint8_t kEdges[] = {0x00, 0x0f, 0x7f, 0x80, 0xab, 0xff};
  CHECK(hex(kEdges) == "000f7f80abff");
  CHECK(hex({}).empty());
}
