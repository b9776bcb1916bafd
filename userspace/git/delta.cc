#include "git/delta.h"

namespace enforcer::git {
namespace {

constexpr unsigned kDigitBits = 7;
constexpr std::uint8_t kMore = 0x80;

/// Seven bits an octet, the lowest first.
std::size_t delta_size(ByteReader& reader) {
  std::size_t size = 0;
  for (unsigned shift = 0; shift < 63; shift += kDigitBits) {
    const std::uint8_t octet = reader.u8();
    size |= static_cast<std::size_t>(octet & ~kMore) << shift;
    if ((octet & kMore) == 0) return size;
  }
  (void)reader.take(reader.remaining() + 1);  // no object is so large
  return 0;
}

/// The octets of a number that the bits of the instruction say are there.
std::size_t sparse_number(ByteReader& reader, unsigned present, unsigned octets) {
  std::size_t number = 0;
  for (unsigned i = 0; i < octets; ++i) {
    if ((present >> i & 1U) != 0) number |= static_cast<std::size_t>(reader.u8()) << (8 * i);
  }
  return number;
}

}  // namespace

std::optional<std::string> apply_delta(std::string_view base, Bytes delta, std::size_t most) {
  constexpr std::size_t kSizeZero = 0x10000;  // what a copy of no octets stands for
  ByteReader reader(delta);
  const std::size_t base_size = delta_size(reader);
  const std::size_t size = delta_size(reader);
  if (!reader.ok() || base_size != base.size() || size > most) return std::nullopt;
  std::string made;
  while (reader.remaining() > 0) {
    const std::uint8_t instruction = reader.u8();
    std::string_view piece;
    if ((instruction & kMore) != 0) {
      const std::size_t offset = sparse_number(reader, instruction, 4);
      const std::size_t said = sparse_number(reader, instruction >> 4 & 7U, 3);
      const std::size_t length = said == 0 ? kSizeZero : said;
      if (offset > base.size() || length > base.size() - offset) return std::nullopt;
      piece = base.substr(offset, length);
    } else {
      if (instruction == 0) return std::nullopt;  // reserved
      piece = as_text(reader.take(instruction));
    }
    if (!reader.ok() || piece.size() > size - made.size()) return std::nullopt;
    made += piece;
  }
  if (made.size() != size) return std::nullopt;
  return made;
}

}  // namespace enforcer::git
