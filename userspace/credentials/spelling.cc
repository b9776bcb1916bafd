#include "credentials/spelling.h"

#include <algorithm>
#include <array>
#include <unordered_map>

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
      case Spelling::kPercentTwice:
        if (octet == '%') return;
        append("%25");
        return append_hexadecimal(octet);
      case Spelling::kPlus:
        return append(octet == ' ' ? "+" : "");
      case Spelling::kUnicode:
        append("\\u00");
        return append_hexadecimal(octet);
      case Spelling::kBackslash:
        return append(behind_backslash(octet));
      case Spelling::kBackslashX:
        append("\\x");
        return append_hexadecimal(octet);
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

  std::array<char, kLongestSpelling> text_{};
  std::size_t size_ = 0;
};

/// A spelling in lower case, with its size, as a number.
std::uint64_t key_of(std::string_view text) {
  std::uint64_t key = text.size();
  for (const char c : text) key = key << 8 | static_cast<std::uint8_t>(ascii::lower(c));
  return key;
}

std::unordered_map<std::uint64_t, std::uint8_t> octets_by_spelling() {
  std::unordered_map<std::uint64_t, std::uint8_t> octets;
  for (unsigned octet = 0; octet < 256; ++octet) {
    for (int i = 0; i < kSpellings; ++i) {
      const Spelled spelled(static_cast<std::uint8_t>(octet), static_cast<Spelling>(i));
      if (!spelled.text().empty()) octets.emplace(key_of(spelled.text()), octet);
    }
  }
  return octets;
}

SpellingSet begun_by(std::uint8_t octet) {
  switch (octet) {
    case '%':
      return kUriSpellings & ~(1U << static_cast<unsigned>(Spelling::kPlus));
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

std::optional<std::uint8_t> spelled_by(std::string_view text) {
  static const auto kOctets = octets_by_spelling();
  if (text.size() > kLongestSpelling) return std::nullopt;
  const auto found = kOctets.find(key_of(text));
  return found == kOctets.end() ? std::nullopt : std::optional(found->second);
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
