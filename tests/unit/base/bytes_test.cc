#include "base/bytes.h"

#include <doctest/doctest.h>

using enforcer::as_bytes;
using enforcer::as_text;
using enforcer::ByteReader;

TEST_CASE("reads_big_endian_numbers_and_vectors") {
  const std::uint8_t raw[] = {1, 0, 2, 0, 0, 3, 0, 2, 'h', 'i', 9};
  ByteReader reader(raw);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 2);
  CHECK(reader.u24() == 3);
  ByteReader field = reader.vector16();
  CHECK(as_text(field.take(2)) == "hi");
  CHECK(field.at_end());
  CHECK_FALSE(reader.at_end());
  CHECK(reader.u8() == 9);
  CHECK(reader.at_end());
}

TEST_CASE("invariant_7_a_short_read_yields_zeros_and_is_remembered") {
  ByteReader reader(as_bytes("abc"));
  CHECK(reader.u32() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK(reader.take(0).empty());
  CHECK_FALSE(reader.at_end());
}

TEST_CASE("invariant_7_a_field_longer_than_the_rest_is_exhausted_with_its_parent") {
  const std::uint8_t raw[] = {0xff, 0xff, 'x'};
  ByteReader reader(raw);
  ByteReader field = reader.vector16();
  CHECK_FALSE(field.ok());
  CHECK_FALSE(reader.ok());
}
