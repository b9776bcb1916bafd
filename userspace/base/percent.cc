#include "base/percent.h"

#include "base/ascii.h"

namespace enforcer {

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() * 3);
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (ascii::is_unreserved(c)) {
      out += c;
    } else {
      out += {'%', kDigits[octet >> 4], kDigits[octet & 15]};
    }
  }
  return out;
}

}  // namespace enforcer
