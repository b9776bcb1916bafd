#include "credentials/needles.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/ascii.h"

namespace enforcer::credentials {
namespace {

constexpr std::size_t kPairs = std::size_t{1} << 16;
constexpr std::size_t kBitsOfWord = 64;

std::size_t pair(std::uint8_t first, std::uint8_t second) {
  return first | std::size_t{second} << 8;
}

/// Characters in the base64 of so many octets, with padding and the NUL that EVP_EncodeBlock puts behind it.
std::size_t base64_room(std::size_t octets) {
  return (octets + 2) / 3 * 4 + 1;
}

/// Room for all forms of a secret: itself, hex, and base64 three times with up to two octets in front.
std::size_t room_for(std::string_view secret) {
  return 3 * secret.size() + 3 * base64_room(secret.size() + 2);
}

/// RFC 7519 3: "header.payload.signature", where the header is an object of JSON, which begins with '{"'.
std::size_t anchor_of(std::string_view secret) {
  std::size_t known = 0;
  if (secret.starts_with("eyJ")) {
    const std::size_t payload = secret.find('.');
    const std::size_t signature = payload == std::string_view::npos ? payload : secret.find('.', payload + 1);
    if (signature != std::string_view::npos) known = signature + 1;
  }
  return std::min(secret.size(), known + Needles::kAnchor);
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
    room += room_for(secret);
  }
  auto needles = std::shared_ptr<Needles>(new Needles(TRY(LockedBuffer::make(room))));
  needles->first_pairs_.resize(kPairs / kBitsOfWord);
  needles->second_pairs_.resize(kPairs / kBitsOfWord);
  for (const std::string_view secret : secrets) {
    const std::size_t anchor = anchor_of(secret);
    needles->add_text(secret, anchor);
    needles->add_hexadecimal(secret, anchor);
    needles->add_base64(secret, anchor);
  }
  return needles;
}

/// One form for all spellings, unless the secret has a character that begins some: then it stands for itself in one
/// kind of text and is escaped in the other.
void Needles::add_text(std::string_view secret, std::size_t anchor) {
  std::ranges::copy(secret, characters_.bytes().data() + used_);
  Form form{used_, static_cast<std::uint32_t>(secret.size()), static_cast<std::uint32_t>(anchor), Alphabet::kText,
            kAllSpellings};
  used_ += form.size;
  if (secret.find_first_of("%\\&") == std::string_view::npos) return add_form(form);
  for (const SpellingSet spellings : {SpellingSet{0}, kUriSpellings, kJsonSpellings, kHtmlSpellings}) {
    form.spellings = spellings;
    add_form(form);
  }
}

void Needles::add_hexadecimal(std::string_view secret, std::size_t anchor) {
  if (2 * secret.size() < kShortest) return;
  const Form form{used_, static_cast<std::uint32_t>(2 * secret.size()), static_cast<std::uint32_t>(2 * anchor),
                  Alphabet::kHexadecimal, 0};
  for (const std::uint8_t octet : as_bytes(secret)) {
    for (const int nibble : {octet >> 4, octet & 0xf}) characters_.bytes()[used_++] = "0123456789abcdef"[nibble];
  }
  add_form(form);
}

void Needles::add_base64(std::string_view secret, std::size_t anchor) {
  for (const std::size_t in_front : {0, 1, 2}) {
    // Octets in front of the secret determine the character in which it begins, if it begins inside one.
    const std::size_t first = (8 * in_front + 5) / 6;
    const auto characters = [&](std::size_t octets) { return 8 * (in_front + octets) / 6 - first; };
    if (characters(secret.size()) < kShortest) continue;

    WipedBytes octets(in_front);
    octets.insert(octets.end(), secret.begin(), secret.end());
    const std::span<char> room = characters_.bytes().subspan(used_);
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(room.data()), octets.data(), static_cast<int>(octets.size()));
    add_form({used_ + static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(characters(secret.size())),
              static_cast<std::uint32_t>(characters(anchor)), Alphabet::kBase64, kAllSpellings});
    used_ += static_cast<std::uint32_t>(base64_room(octets.size()));
  }
}

void Needles::add_form(const Form& form) {
  forms_.push_back(form);
  note_pairs({.form = count() - 1}, 0, 0);
}

/// Every way to read four octets: as each octet of a row has few spellings, these are a few dozen.
void Needles::note_pairs(const Reading& reading, std::size_t depth, std::uint8_t before) {
  if (depth == 4) return;
  for (unsigned value = 0; value < 256; ++value) {
    const auto octet = static_cast<std::uint8_t>(value);
    Reading next = reading;
    // Behind the end of a form anything may stand.
    if (!at_end(next) && !advance(next, octet)) continue;
    if (depth % 2 == 1) {
      PairSet& pairs = depth == 1 ? first_pairs_ : second_pairs_;
      const std::size_t bit = pair(before, octet);
      pairs[bit / kBitsOfWord] |= std::uint64_t{1} << bit % kBitsOfWord;
    }
    if (depth == 1 && at_end(reading) && value != 0) continue;  // all the same from here on
    note_pairs(next, depth + 1, octet);
  }
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

std::size_t Needles::candidate(Bytes text, std::size_t from) const {
  const auto holds = [](const PairSet& pairs, std::size_t bit) {
    return (pairs[bit / kBitsOfWord] >> bit % kBitsOfWord & 1) != 0;
  };
  std::size_t at = from;
  for (; at + 4 <= text.size(); ++at) {
    if (holds(first_pairs_, pair(text[at], text[at + 1])) && holds(second_pairs_, pair(text[at + 2], text[at + 3]))) {
      return at;
    }
  }
  return at;  // what is so near to the end has to be read to be told
}

}  // namespace enforcer::credentials
