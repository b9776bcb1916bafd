// Needles: every form in which secrets could come back in an answer, to be searched for (attack: an origin that echoes
// the request it got, with the credential that we put there).
//
//   as text    plain, percent-encoded, escaped for JSON or for HTML, any octet or none of it (credentials/spelling.h)
//   base64     standard and URL-safe, at each of the three alignments: only the characters that the secret alone
//              determines, so that base64("user:" SECRET) has them, too; escaped like a text ("\/", %2B)
//   hex        in either case
//
// A form is a row of characters with an anchor in front. Where the anchor stands, the secret has come back, and it goes
// on for as long as what follows agrees with the form: a secret that was cut off behind its anchor is found, too. The
// anchor is what stands for the first kAnchor octets of the secret, or for all of a shorter one. Two exceptions:
//
//   JSON Web Tokens    header and payload begin alike in every token of an issuer, and are worth nothing without the
//                      signature: they are part of the anchor, with kAnchor octets of the signature behind them
//   short secrets      a form of base64 or hex with fewer than kShortest characters would be found everywhere, and is
//                      not searched for; as a text even the shortest secret is
//
// Not found: base64 that is broken into lines, text that was encoded twice, and encodings other than these.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/wiping_allocator.h"
#include "credentials/spelling.h"

namespace enforcer::credentials {

/// Never changes; one serves all streams.
class Needles {
 public:
  /// kInvalid: a secret is empty or longer than Secret::kMaxSize. kUnavailable: no locked memory left.
  static Result<std::shared_ptr<const Needles>> make(std::span<const std::string_view> secrets);

  static constexpr std::size_t kAnchor = 16;   ///< octets of a secret
  static constexpr std::size_t kShortest = 8;  ///< characters of base64 or hex

  /// How far a text has been read as a form.
  struct Reading {
    std::uint32_t form = 0;
    std::uint32_t characters = 0;  ///< read whole
    SpelledOctet next;
  };

  /// Forms are numbered from 0.
  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(forms_.size()); }
  /// Takes the next octet; false: it does not agree with the form. Not behind the end of it.
  bool advance(Reading& reading, std::uint8_t octet) const;
  /// The anchor was read.
  [[nodiscard]] bool anchored(const Reading& reading) const {
    return reading.characters >= forms_[reading.form].anchor;
  }
  [[nodiscard]] bool at_end(const Reading& reading) const { return reading.characters == forms_[reading.form].size; }

  /// The first place at or behind `from` where a form may begin; text.size() when there is none.
  [[nodiscard]] std::size_t candidate(Bytes text, std::size_t from) const;

 private:
  enum class Alphabet : std::uint8_t { kText, kBase64, kHexadecimal };
  struct Form {
    std::uint32_t begin;  ///< in characters_
    std::uint32_t size;
    std::uint32_t anchor;
    Alphabet alphabet;
    SpellingSet spellings;
  };
  /// Which pairs of octets occur in a place, 65536 bits: they tell of the secret, so they are wiped as it is.
  using PairSet = std::vector<std::uint64_t, WipingAllocator<std::uint64_t>>;

  explicit Needles(LockedBuffer characters) : characters_(std::move(characters)) {}

  void add_text(std::string_view secret, std::size_t anchor);
  void add_hexadecimal(std::string_view secret, std::size_t anchor);
  void add_base64(std::string_view secret, std::size_t anchor);
  void add_form(const Form& form);
  void note_pairs(const Reading& reading, std::size_t depth, std::uint8_t before);

  LockedBuffer characters_;  ///< of all forms
  std::uint32_t used_ = 0;
  std::vector<Form> forms_;
  PairSet first_pairs_;   ///< the octets 0 and 1 of what may be a form
  PairSet second_pairs_;  ///< the octets 2 and 3
};

}  // namespace enforcer::credentials
