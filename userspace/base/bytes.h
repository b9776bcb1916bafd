// Bounded reading of bytes that somebody else wrote (invariant 7: guest bytes are touched only through these).
//
// A ByteReader never reads past its end and never throws: a short read marks it exhausted and yields zeros, so a parser
// may read a whole structure and ask once, at the end, whether everything was there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace enforcer {

using Bytes = std::span<const std::uint8_t>;

/// The bytes of a text, unchanged.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Bytes as text, unchanged: the caller knows that they are printable, or escapes them (base/text.h).
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }  ///< false once any read went past the end
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }  ///< everything read, nothing left over

  std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(big_endian(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(big_endian(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian(4)); }

  /// The next `count` bytes; empty and exhausted when there are fewer.
  Bytes take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// A reader over a field with its length in front (TLS vectors, DNS RDATA).
  ByteReader vector8() { return ByteReader(take(u8()), ok_); }
  ByteReader vector16() { return ByteReader(take(u16()), ok_); }

 private:
  ByteReader(Bytes bytes, bool ok) : rest_(bytes), ok_(ok) {}

  std::uint64_t big_endian(std::size_t width) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(width)) value = value << 8 | byte;
    return value;
  }

  Bytes rest_;
  bool ok_ = true;
};

}  // namespace enforcer
