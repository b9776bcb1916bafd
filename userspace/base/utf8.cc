#include "base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace enforcer {

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[at]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size == 0 || at + size > text.size()) return false;
    for (std::size_t next = 1; next < size; ++next) {
      const auto octet = static_cast<std::uint8_t>(text[at + next]);
      std::uint8_t low = 0x80;
      std::uint8_t high = 0xbf;
      if (next == 1 && lead == 0xe0) low = 0xa0;
      if (next == 1 && lead == 0xed) high = 0x9f;
      if (next == 1 && lead == 0xf0) low = 0x90;
      if (next == 1 && lead == 0xf4) high = 0x8f;
      if (octet < low || octet > high) return false;
    }
    at += size;
  }
  return true;
}

}  // namespace enforcer
