#include "enforcerctl/live_keys.h"

#include <optional>

namespace enforcer::ctl {
namespace {

constexpr char kEsc = '\x1b';
/// No key's sequence is longer; one that goes on is dropped so far.
constexpr std::size_t kLongestSequence = 16;

std::optional<Key> plain_key(char octet) {
  if (octet == '\r' || octet == '\n') return Key{.kind = Key::Kind::kEnter};
  if (octet == '\x7f' || octet == '\b') return Key{.kind = Key::Kind::kBackspace};
  if (octet == '\x03' || octet == '\x04') return Key{.kind = Key::Kind::kInterrupt};
  if (octet >= 0x20 && octet < 0x7f) return Key{.kind = Key::Kind::kCharacter, .character = octet};
  return std::nullopt;
}

std::optional<Key> key_of(std::string_view sequence) {
  const std::string_view rest = sequence.substr(1);
  if (rest == "[A" || rest == "OA") return Key{.kind = Key::Kind::kUp};
  if (rest == "[B" || rest == "OB") return Key{.kind = Key::Kind::kDown};
  if (rest == "[5~") return Key{.kind = Key::Kind::kPageUp};
  if (rest == "[6~") return Key{.kind = Key::Kind::kPageDown};
  return std::nullopt;
}

/// Whether the octet is the last one of this sequence.
bool ends(std::string_view sequence) {
  if (sequence.size() < 2) return false;
  if (sequence[1] == 'O') return sequence.size() == 3;
  if (sequence[1] != '[') return true;  // Alt and a key: no key of ours
  return sequence.size() > 2 && sequence.back() >= 0x40 && sequence.back() <= 0x7e;
}

}  // namespace

std::vector<Key> KeyReader::feed(std::string_view octets) {
  std::vector<Key> keys;
  for (const char octet : octets) {
    if (sequence_.empty() && octet != kEsc) {
      if (const auto key = plain_key(octet)) keys.push_back(*key);
      continue;
    }
    if (octet == kEsc && !sequence_.empty()) {  // the one before was the key
      for (const Key& key : settle()) keys.push_back(key);
    }
    sequence_ += octet;
    if (ends(sequence_)) {
      if (const auto key = key_of(sequence_)) keys.push_back(*key);
      sequence_.clear();
    } else if (sequence_.size() == kLongestSequence) {
      sequence_.resize(2);
    }
  }
  return keys;
}

std::vector<Key> KeyReader::settle() {
  const bool alone = sequence_.size() == 1;
  sequence_.clear();
  if (!alone) return {};
  return {Key{.kind = Key::Kind::kEscape}};
}

}  // namespace enforcer::ctl
