#include "credentials/needles.h"

#include <openssl/evp.h>

#include <algorithm>
#include <bitset>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kPairs = std::size_t{1} << 16;
/// A row has about 50 ways to begin, a secret of 2 KiB about 600 forms: one of eight bits is set.
constexpr int kFoursBits = 18;
constexpr std::size_t kBitsOfWord = 64;

std::size_t pair(std::uint8_t first, std::uint8_t second) {
  return first | std::size_t{second} << 8;
}

/// Fibonacci hashing.
std::size_t hash(std::uint32_t four) {
  return four * std::uint32_t{0x9e3779b1} >> (32 - kFoursBits);
}

bool holds(std::span<const std::uint64_t> bits, std::size_t bit) {
  return (bits[bit / kBitsOfWord] >> bit % kBitsOfWord & 1) != 0;
}

/// Octets of spellings behind the first.
constexpr std::string_view kInSpellings = "0123456789abcdefABCDEFuUxX#;/\"\\tTlLgGqQoOsSmMpP";

/// Characters in the base64 of so many octets, with padding and the NUL that EVP_EncodeBlock puts behind it.
std::size_t base64_room(std::size_t octets) {
  return (octets + 2) / 3 * 4 + 1;
}

/// Room for all rows of a secret: itself, hex, and base64 three times with up to two octets in front.
std::size_t room_for(std::string_view secret) {
  return 3 * secret.size() + 3 * base64_room(secret.size() + 2);
}

/// The part of a JSON Web Token in front of its signature, empty if it is none. RFC 7519 3: "header.payload.signature",
/// where the header is an object of JSON, which begins with '{"'.
std::string_view known_of(std::string_view secret) {
  if (!secret.starts_with("eyJ")) return {};
  const std::size_t payload = secret.find('.');
  const std::size_t signature = payload == std::string_view::npos ? payload : secret.find('.', payload + 1);
  return signature == std::string_view::npos ? std::string_view() : secret.substr(0, signature + 1);
}

/// RFC 4648 4 and 5 differ in two characters.
bool same_in_base64(std::uint8_t wanted, std::uint8_t octet) {
  return octet == wanted || (wanted == '+' && octet == '-') || (wanted == '/' && octet == '_');
}

}  // namespace

Result<std::shared_ptr<const Needles>> Needles::make(std::span<const std::string_view> secrets) {
  std::size_t room = 1;
  for (const std::string_view secret : secrets) {
    if (secret.empty() || secret.size() > Secret::kMaxSize) {
      return fail(Errc::kInvalid, "a secret to be kept out of answers is empty or too long");
    }
    room += 2 * room_for(secret);  // a signature is a second secret
  }
  auto needles = std::shared_ptr<Needles>(new Needles(TRY(LockedBuffer::make(room))));
  needles->firsts_.resize(256 / kBitsOfWord);
  needles->pairs_.resize(kPairs / kBitsOfWord);
  needles->inside_.resize(kPairs / kBitsOfWord);
  needles->fours_.resize((std::size_t{1} << kFoursBits) / kBitsOfWord);
  for (const std::string_view secret : secrets) {
    const std::string_view known = known_of(secret);
    const std::string_view signature = secret.substr(known.size());
    needles->add({.secret = secret,
                  .anchor = std::min(secret.size(), known.size() + kAnchor),
                  .has_windows = known.empty() && secret.size() > kWhole});
    if (known.empty() || signature.size() < kAnchor) continue;
    needles->add({.secret = signature, .anchor = kAnchor, .has_windows = signature.size() > kWhole});
  }
  return needles;
}

void Needles::add(const Wanted& wanted) {
  add_text(wanted);
  add_hexadecimal(wanted);
  add_base64(wanted);
}

/// One form for all spellings, unless the secret has a character that begins some: then it stands for itself in one
/// kind of text and is escaped in the other.
void Needles::add_text(const Wanted& wanted) {
  const std::string_view secret = wanted.secret;
  std::ranges::copy(secret, characters_.bytes().data() + used_);
  Form form{used_, static_cast<std::uint32_t>(secret.size()), static_cast<std::uint32_t>(wanted.anchor),
            Alphabet::kText, kAllSpellings};
  used_ += form.size;
  if (secret.find_first_of("%\\&") == std::string_view::npos) return add_row(wanted, form);
  for (const SpellingSet spellings : {SpellingSet{0}, kUriSpellings, kJsonSpellings, kHtmlSpellings}) {
    form.spellings = spellings;
    add_row(wanted, form);
  }
}

void Needles::add_hexadecimal(const Wanted& wanted) {
  const std::string_view secret = wanted.secret;
  if (2 * secret.size() < kShortest) return;
  const Form form{used_, static_cast<std::uint32_t>(2 * secret.size()), static_cast<std::uint32_t>(2 * wanted.anchor),
                  Alphabet::kHexadecimal, 0};
  for (const std::uint8_t octet : as_bytes(secret)) {
    for (const int nibble : {octet >> 4, octet & 0xf}) characters_.bytes()[used_++] = "0123456789abcdef"[nibble];
  }
  add_row(wanted, form);
}

void Needles::add_base64(const Wanted& wanted) {
  const std::string_view secret = wanted.secret;
  for (const std::size_t in_front : {0, 1, 2}) {
    // Octets in front of the secret determine the character in which it begins, if it begins inside one.
    const std::size_t first = (8 * in_front + 5) / 6;
    const auto characters = [&](std::size_t octets) { return 8 * (in_front + octets) / 6 - first; };
    if (characters(secret.size()) < kShortest) continue;

    WipedBytes octets(in_front);
    octets.insert(octets.end(), secret.begin(), secret.end());
    const std::span<char> room = characters_.bytes().subspan(used_);
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(room.data()), octets.data(), static_cast<int>(octets.size()));
    add_row(wanted, {used_ + static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(characters(secret.size())),
                     static_cast<std::uint32_t>(characters(wanted.anchor)), Alphabet::kBase64, kAllSpellings});
    used_ += static_cast<std::uint32_t>(base64_room(octets.size()));
  }
}

/// A row from its beginning and, if the secret has windows, from what stands for every kAnchor-th octet on. Wherever a
/// window begins in a row of base64, its characters are determined: the row has no others.
void Needles::add_row(const Wanted& wanted, const Form& row) {
  add_form(row);
  if (!wanted.has_windows) return;
  const std::size_t step = row.alphabet == Alphabet::kText     ? kAnchor
                           : row.alphabet == Alphabet::kBase64 ? 8 * kAnchor / 6
                                                               : 2 * kAnchor;
  const auto add_window = [&](std::size_t from) {
    const auto skipped = static_cast<std::uint32_t>(from);
    const Form window{row.begin + skipped, row.size - skipped, static_cast<std::uint32_t>(step), row.alphabet,
                      row.spellings};
    if (!varied(window)) return;
    forms_.back().window = static_cast<std::uint32_t>(forms_.size());
    add_form(window);
  };
  const std::size_t last = row.size - step;
  const std::size_t stride = step * (last / step / kWindows + 1);
  for (std::size_t from = stride; from < last; from += stride) add_window(from);
  add_window(last);
}

bool Needles::varied(const Form& form) const {
  std::bitset<256> seen;
  for (const char c : characters_.bytes().subspan(form.begin, form.anchor)) seen.set(static_cast<std::uint8_t>(c));
  return seen.count() >= kVaried;
}

void Needles::add_form(const Form& form) {
  const auto number = static_cast<std::uint32_t>(forms_.size());
  forms_.push_back(form);
  note_beginnings({.form = number}, 0, 0);
  for (unsigned octet = 0; octet < 256; ++octet) {
    Reading reading{.form = number};
    if (advance(reading, static_cast<std::uint8_t>(octet)) && reading.characters == 1) plain_[octet].push_back(number);
  }
  if (form.spellings != 0) spelled_[static_cast<std::uint8_t>(characters_.bytes()[form.begin])].push_back(number);
}

/// Every way to read four octets: as each octet of a row has few spellings, these are a few dozen. Behind the end of a
/// form anything may stand.
void Needles::note_beginnings(const Reading& reading, std::size_t depth, std::uint32_t octets) {
  const auto set = [](Bits& bits, std::size_t bit) {
    bits[bit / kBitsOfWord] |= std::uint64_t{1} << bit % kBitsOfWord;
  };
  if (depth == 1) set(firsts_, octets);
  if (depth == 2) set(pairs_, octets);
  if (depth >= 2) set(inside_, octets >> 8 * (depth - 2));
  if (depth == kGlance) return set(fours_, hash(octets));
  if (at_end(reading)) {
    any_fours_ = true;
    for (unsigned octet = 0; depth == 1 && octet < 256; ++octet) set(pairs_, pair(octets & 0xff, octet & 0xff));
    return;
  }
  const auto note = [&](std::uint8_t octet) {
    Reading next = reading;
    if (advance(next, octet)) note_beginnings(next, depth + 1, octets | std::uint32_t{octet} << 8 * depth);
  };
  if (!reading.next.at_beginning()) {
    for (const std::uint8_t octet : as_bytes(kInSpellings)) note(octet);
    return;
  }
  for (unsigned octet = 0; octet < 256; ++octet) note(static_cast<std::uint8_t>(octet));
}

bool Needles::advance(Reading& reading, std::uint8_t octet) const {
  const Form& form = forms_[reading.form];
  const auto wanted = static_cast<std::uint8_t>(characters_.bytes()[form.begin + reading.characters]);
  if (reading.next.at_beginning()) {
    const bool same = form.alphabet == Alphabet::kText ? octet == wanted && !begins_spelling(wanted, form.spellings)
                      : form.alphabet == Alphabet::kBase64
                          ? same_in_base64(wanted, octet)
                          : ascii::lower(static_cast<char>(octet)) == static_cast<char>(wanted);
    if (same) {
      ++reading.characters;
      return true;
    }
  }
  switch (reading.next.read(wanted, form.spellings, octet)) {
    case SpelledOctet::Reading::kDisagrees:
      return false;
    case SpelledOctet::Reading::kPartly:
      return true;
    case SpelledOctet::Reading::kWhole:
      ++reading.characters;
      return true;
  }
  return false;
}

std::optional<std::uint32_t> Needles::window_at(const Reading& reading) const {
  const std::uint32_t place = forms_[reading.form].begin + reading.characters;
  const std::uint32_t window = forms_[reading.window].window;
  return window != 0 && reading.next.at_beginning() && forms_[window].begin == place ? std::optional(window)
                                                                                     : std::nullopt;
}

std::size_t Needles::candidate(Bytes text, std::size_t from) const {
  std::size_t at = from;
  while (at + kGlance <= text.size()) {
    const std::size_t first = pair(text[at], text[at + 1]);
    const std::size_t second = pair(text[at + 2], text[at + 3]);
    // What begins here or at one of the next two places has `second` among its first four octets.
    if (!any_fours_ && !holds(inside_, second)) {
      at += kGlance - 1;
      continue;
    }
    const auto four = static_cast<std::uint32_t>(first | second << 16);
    if (holds(pairs_, first) && (any_fours_ || holds(fours_, hash(four)))) return at;
    ++at;
  }
  return at;  // what is so near to the end has to be read to be told
}

bool Needles::surely_none_begins_in(Bytes piece) const {
  if (piece.size() < kGlance || !surely_none_in(piece)) return false;
  const Bytes end = piece.last(kGlance - 1);
  return !holds(pairs_, pair(end[0], end[1])) && !holds(pairs_, pair(end[1], end[2])) && !holds(firsts_, end[2]);
}

}  // namespace enforcer::credentials
