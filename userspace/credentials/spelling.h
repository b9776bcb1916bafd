// Spelling: the ways in which texts write an octet other than as itself: percent-encoding (RFC 3986 2.1, and '+' for a
// blank in forms), once or twice; escapes of JSON strings (RFC 8259 7) and of programming languages; character
// references of HTML. Which octets are escaped differs from encoder to encoder, so any may be.
//
// No spelling of an octet begins another one of it, so a text can be read octet by octet and never backwards. For that
// to stay true, who accepts the spellings of a set must not accept the octet that begins them ('%', '\', '&') as
// itself: an encoder that uses a set always escapes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace enforcer::credentials {

enum class Spelling : std::uint8_t {
  kPercent,         ///< %2f
  kPercentTwice,    ///< %252f; not for '%' itself, where "%25" is a spelling
  kPlus,            ///< '+', a blank
  kUnicode,         ///< \u002f
  kBackslash,       ///< \/ \" \\ and \t
  kBackslashX,      ///< \x2f
  kDecimal,         ///< &#47;
  kPaddedDecimal,   ///< &#047;
  kHexadecimal,     ///< &#x2f;
  kNamedReference,  ///< &amp; &lt; &gt; &quot; &apos;
};
inline constexpr int kSpellings = 10;
inline constexpr std::size_t kLongestSpelling = 6;

/// A set of them, one bit each.
using SpellingSet = std::uint16_t;
inline constexpr SpellingSet kUriSpellings = 0x007;
inline constexpr SpellingSet kJsonSpellings = 0x038;
inline constexpr SpellingSet kHtmlSpellings = 0x3c0;
inline constexpr SpellingSet kAllSpellings = 0x3ff;

/// Is it an octet that begins spellings of this set? ('+' is none: it begins no spelling of itself.)
[[nodiscard]] bool begins_spelling(std::uint8_t octet, SpellingSet set);

/// The octet that has exactly this as a spelling, if one has.
[[nodiscard]] std::optional<std::uint8_t> spelled_by(std::string_view text);

/// One octet, as it is being read in any spelling of a set. Letters behind the first character agree in either case.
class SpelledOctet {
 public:
  enum class Reading : std::uint8_t { kDisagrees, kPartly, kWhole };

  /// Whether this is the next octet of a spelling of `wanted`. After kPartly: with the same `wanted`.
  Reading read(std::uint8_t wanted, SpellingSet set, std::uint8_t octet);
  /// Nothing of the octet has been read.
  [[nodiscard]] bool at_beginning() const { return read_ == 0; }
  /// The beginning of a character reference has been read, or '&' between two fields.
  [[nodiscard]] bool in_reference() const { return read_ != 0 && (possible_ & kHtmlSpellings) != 0; }

 private:
  SpellingSet possible_ = 0;
  std::uint8_t read_ = 0;
};

}  // namespace enforcer::credentials
