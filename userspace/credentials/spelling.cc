#include "credentials/spelling.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

std::string_view named_reference(std::uint8_t octet) {
  switch (octet) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&apos;";
    default:
      return "";
  }
}

/// '\t' is the one control character that a secret may have (value.h).
std::string_view behind_backslash(std::uint8_t octet) {
  switch (octet) {
    case '/':
      return "\\/";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\t':
      return "\\t";
    default:
      return "";
  }
}

char digit(unsigned value) {
  return "0123456789abcdef"[value];
}

/// An octet in one of its spellings, in lower case; empty when it has none of that kind.
class Spelled {
 public:
  Spelled(std::uint8_t octet, Spelling how) { write(octet, how); }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  void write(std::uint8_t octet, Spelling how) {
    switch (how) {
      case Spelling::kPercent:
        append("%");
        return append_hexadecimal(octet);
      case Spelling::kPlus:
        return append(octet == ' ' ? "+" : "");
      case Spelling::kUnicode:
        append("\\u00");
        return append_hexadecimal(octet);
      case Spelling::kBackslash:
        return append(behind_backslash(octet));
      case Spelling::kDecimal:
        return append_decimal(octet, octet >= 100 ? 0 : octet >= 10 ? 1 : 2);
      case Spelling::kPaddedDecimal:
        return append_decimal(octet, 0);
      case Spelling::kHexadecimal:
        append("&#x");
        append_hexadecimal(octet);
        return append(";");
      case Spelling::kNamedReference:
        return append(named_reference(octet));
    }
  }
  void append(std::string_view part) {
    std::ranges::copy(part, text_.data() + size_);
    size_ += part.size();
  }
  void append_hexadecimal(std::uint8_t octet) {
    const char digits[] = {digit(octet >> 4U), digit(octet & 0xfU)};
    append({digits, sizeof(digits)});
  }
  void append_decimal(std::uint8_t octet, std::size_t without) {
    const char digits[] = {digit(octet / 100U), digit(octet / 10U % 10), digit(octet % 10U)};
    append("&#");
    append(std::string_view(digits, sizeof(digits)).substr(without));
    append(";");
  }

  std::array<char, 6> text_{};
  std::size_t size_ = 0;
};

SpellingSet begun_by(std::uint8_t octet) {
  switch (octet) {
    case '%':
      return 1U << static_cast<unsigned>(Spelling::kPercent);
    case '+':
      return 1U << static_cast<unsigned>(Spelling::kPlus);
    case '\\':
      return kJsonSpellings;
    case '&':
      return kHtmlSpellings;
    default:
      return 0;
  }
}

}  // namespace

bool begins_spelling(std::uint8_t octet, SpellingSet set) {
  return octet != '+' && (begun_by(octet) & set) != 0;
}

SpelledOctet::Reading SpelledOctet::read(std::uint8_t wanted, SpellingSet set, std::uint8_t octet) {
  const bool first = read_ == 0;
  const SpellingSet tried = first ? set & begun_by(octet) : possible_;
  possible_ = 0;
  for (int i = 0; i < kSpellings; ++i) {
    if ((tried >> i & 1) == 0) continue;
    const Spelled spelled(wanted, static_cast<Spelling>(i));
    const std::string_view text = spelled.text();
    if (read_ >= text.size()) continue;
    const char found = static_cast<char>(octet);
    if (text[read_] != (first ? found : ascii::lower(found))) continue;
    if (read_ + 1U == text.size()) {
      *this = {};
      return Reading::kWhole;
    }
    possible_ = static_cast<SpellingSet>(possible_ | 1 << i);
  }
  ++read_;
  return possible_ != 0 ? Reading::kPartly : Reading::kDisagrees;
}

}  // namespace enforcer::credentials
