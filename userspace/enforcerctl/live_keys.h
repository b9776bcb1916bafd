// Keys of a terminal in raw mode: octets in, keys out. What is no key that anybody asks for is dropped, so that a paste
// or a terminal's own answers do nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace enforcer::ctl {

struct Key {
  enum class Kind {
    kCharacter,  ///< printable ASCII
    kEnter,
    kEscape,
    kBackspace,
    kInterrupt,  ///< Ctrl-C, Ctrl-D
    kUp,
    kDown,
    kPageUp,
    kPageDown,
  };
  Kind kind = Kind::kCharacter;
  char character = 0;  ///< kCharacter
  friend bool operator==(const Key&, const Key&) = default;
};

/// Sequences (ECMA-48 5.4: ESC [ parameters final; ESC O final) may come in pieces.
class KeyReader {
 public:
  [[nodiscard]] std::vector<Key> feed(std::string_view octets);
  /// An ESC has come that may be the beginning of more, or the key itself.
  [[nodiscard]] bool undecided() const { return !sequence_.empty(); }
  /// Nothing came behind it for a moment: it was the key.
  [[nodiscard]] std::vector<Key> settle();

 private:
  std::string sequence_;  ///< from ESC on
};

}  // namespace enforcer::ctl
