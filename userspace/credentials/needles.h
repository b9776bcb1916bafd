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
// anchor is what stands for the first kAnchor octets of the secret, or for all of a shorter one.
//
// An echo may lack its beginning, or be interrupted in the middle. So of a secret longer than kWhole octets each form
// is also searched for from further places on, its windows, each with an anchor of as many characters: at every
// kAnchor-th octet and at kAnchor octets in front of the end. What is at least 2 * kAnchor - 1 octets long is then
// found wherever it was cut. There are at most kWindows in a row (secrets up to 2 KiB have all of them), spread evenly
// over a longer one. Windows whose anchor has few different characters, such as filling, would be found everywhere and
// are left out.
//
// Two exceptions:
//
//   JSON Web Tokens    header and payload begin alike in every token of an issuer, and are worth nothing without the
//                      signature: they are part of the anchor, with kAnchor octets of the signature behind them. They
//                      have no windows. The signature is also searched for alone, as a secret of its own.
//   short secrets      a form of base64 or hex with fewer than kShortest characters would be found everywhere, and is
//                      not searched for; as a text even the shortest secret is
//
// Not found: pieces that have no anchor, and encodings other than these. What interrupts an echo, and how it goes on,
// is told in credentials/secret_scanner.h.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
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
  static constexpr std::size_t kWhole = 32;    ///< octets of a secret; a longer one has windows
  static constexpr std::size_t kWindows = 128;
  static constexpr std::size_t kVaried = 6;  ///< different characters in the anchor of a window, at least

  /// How far a text has been read as a form.
  struct Reading {
    std::uint32_t form = 0;
    std::uint32_t window = form;   ///< of its row, the last that was reached
    std::uint32_t characters = 0;  ///< read whole
    std::uint32_t line = 0;        ///< of them, in front of the last line break (credentials/secret_scanner.h)
    SpelledOctet next;
  };

  /// Takes the next octet; false: it does not agree with the form. Not behind the end of it.
  bool advance(Reading& reading, std::uint8_t octet) const;
  /// The anchor was read.
  [[nodiscard]] bool anchored(const Reading& reading) const {
    return reading.characters >= forms_[reading.form].anchor;
  }
  [[nodiscard]] bool at_end(const Reading& reading) const { return remaining(reading) == 0; }
  /// Characters that have not been read whole.
  [[nodiscard]] std::size_t remaining(const Reading& reading) const {
    return forms_[reading.form].size - reading.characters;
  }

  /// The window that begins with what the reading has in front of it, by number: what is read of it is read already.
  [[nodiscard]] std::optional<std::uint32_t> window_at(const Reading& reading) const;

  /// The first place at or behind `from` where a form may begin; text.size() when there is none.
  [[nodiscard]] std::size_t candidate(Bytes text, std::size_t from) const;
  /// No form stands in the text. False also where that would take more than a glance.
  [[nodiscard]] bool surely_none_in(Bytes text) const {
    return !any_fours_ && candidate(text, 0) + kGlance > text.size();
  }
  /// The same, and none begins in it that could go on behind its end. Of those that began in front, nothing is said.
  [[nodiscard]] bool surely_none_begins_in(Bytes piece) const;
  /// Calls with the number of each form that may begin at the front of the text, of some of them twice.
  template <class Visit>
  void each_form_at(Bytes text, const Visit& visit) const;

 private:
  enum class Alphabet : std::uint8_t { kText, kBase64, kHexadecimal };
  struct Form {
    std::uint32_t begin;  ///< in characters_
    std::uint32_t size;
    std::uint32_t anchor;
    Alphabet alphabet;
    SpellingSet spellings;
    std::uint32_t window = 0;  ///< the next of the row, by number; 0: none
  };
  /// They tell of the secret, so they are wiped as it is.
  using Bits = std::vector<std::uint64_t, WipingAllocator<std::uint64_t>>;

  /// Octets by which candidate() knows a form.
  static constexpr std::size_t kGlance = 4;

  using FormNumbers = std::vector<std::uint32_t, WipingAllocator<std::uint32_t>>;

  explicit Needles(LockedBuffer characters) : characters_(std::move(characters)) {}

  /// What is searched for.
  struct Wanted {
    std::string_view secret;
    std::size_t anchor;  ///< octets
    bool has_windows;
  };

  void add(const Wanted& wanted);
  void add_text(const Wanted& wanted);
  void add_hexadecimal(const Wanted& wanted);
  void add_base64(const Wanted& wanted);
  void add_row(const Wanted& wanted, const Form& row);
  void add_form(const Form& form);
  [[nodiscard]] bool varied(const Form& form) const;
  void note_beginnings(const Reading& reading, std::size_t depth, std::uint32_t octets);

  LockedBuffer characters_;  ///< of all forms
  std::uint32_t used_ = 0;
  std::vector<Form> forms_;
  std::array<FormNumbers, 256> plain_;    ///< forms by the octets that they may begin with
  std::array<FormNumbers, 256> spelled_;  ///< forms that have spellings, by the character that they begin with
  Bits firsts_;                           ///< the first octet of what may be a form: 256 bits
  Bits pairs_;                            ///< the first two octets of what may be a form: 65536 bits
  Bits inside_;                           ///< two neighbours among the first four: 65536 bits
  Bits fours_;                            ///< hashes of the first four, unless that is anything
  bool any_fours_ = false;
};

template <class Visit>
void Needles::each_form_at(Bytes text, const Visit& visit) const {
  for (const std::uint32_t form : plain_[text[0]]) visit(form);
  if (!begins_spelling(text[0], kAllSpellings) && text[0] != '+') return;
  for (std::size_t size = 1; size <= std::min(text.size(), kLongestSpelling); ++size) {
    if (const auto octet = spelled_by(as_text(text.first(size)))) {
      for (const std::uint32_t form : spelled_[*octet]) visit(form);
    }
  }
  if (text.size() >= kLongestSpelling) return;
  // A spelling may have been cut off.
  for (const FormNumbers& forms : spelled_) {
    for (const std::uint32_t form : forms) visit(form);
  }
}

}  // namespace enforcer::credentials
