// The hash chain of the audit log, and what it can prove.
//
// Each line ends with two fields, both the SHA-256 of octets of the file in base64url without padding (RFC 4648 5):
//
//   {"schema_version":1,"seq":17,…,"prev":"<hash of record 16>","hash":"<of this line, up to this field's comma>"}
//
// So each line vouches for its own content, and through `prev` for every line before it. `hash` tells exactly which
// line somebody edited; `prev` finds one whose `hash` was made anew; the number tells a line that is missing from one
// that was put in. The first record there ever was has ChainHash() before it. Rotated files that are gone leave a chain
// that begins with a later number, nothing more: what is left still proves itself.
//
// There is no key in it. Who may write the files may also make the whole chain anew, head file (head.h) included, and
// nothing in the folder can tell. What cannot be made anew is a head that was noted elsewhere: `audit verify` prints it
// ("SEQ:HASH") and compares with one noted before (--head), and a copy in the journal (journal_copy.h) has every hash.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/base64url.h"
#include "base/digest.h"
#include "base/result.h"

namespace enforcer::audit {

/// A SHA-256 in base64url without padding.
class ChainHash {
 public:
  static constexpr std::size_t kSize = base64url_size(Digest::kSha256);

  ChainHash();  ///< of nothing: what is before the first record; 32 octets of zero
  /// None when it is not the text of a hash.
  static std::optional<ChainHash> parse(std::string_view text);

  [[nodiscard]] std::string_view text() const { return {text_.data(), text_.size()}; }
  friend bool operator==(const ChainHash&, const ChainHash&) = default;

 private:
  friend class Hasher;
  std::array<char, kSize> text_;
};

/// One record of a chain: the one it ends with, or one that was noted.
struct Head {
  std::uint64_t seq = 0;  ///< 0: no record yet
  ChainHash hash;

  /// "17:<hash>"; kInvalid when it is not that.
  static Result<Head> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Head&, const Head&) = default;
};

/// SHA-256 with one context for all of them. Not for several threads at once.
class Hasher {
 public:
  ChainHash hash(std::string_view octets);

 private:
  Digest digest_ = Digest::sha256();
};

/// What `append_links` adds to a line, and the closing brace.
inline constexpr std::size_t kLinkBytes = 2 * ChainHash::kSize + 21;

/// Ends a line that begins at `begin` in `out`, without its newline; the head that it makes.
Head append_links(std::string& out, std::size_t begin, std::uint64_t seq, const ChainHash& before, Hasher& hasher);

/// Numbers beyond this are not ours: what reads JSON as floating point would round them.
inline constexpr std::uint64_t kMaxSequence = std::uint64_t{1} << 53;

/// A line's place in the chain, as the line says it.
struct Link {
  std::uint64_t seq = 0;
  ChainHash prev;
  ChainHash hash;
  enum class Content : std::uint8_t { kIntact, kChanged };
  Content content = Content::kIntact;  ///< whether it is what `hash` says

  [[nodiscard]] Head head() const { return {seq, hash}; }
};

/// None for a line that is no record of a chain.
std::optional<Link> parse_link(std::string_view line, Hasher& hasher);

}  // namespace enforcer::audit
