// ObjectId: the name of a git object: the SHA-1 or SHA-256 of what it is and holds.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace enforcer::git {

class ObjectId {
 public:
  /// 40 or 64 hexadecimal digits, of either case.
  static std::optional<ObjectId> parse(std::string_view text);
  /// 20 or 32 octets.
  static std::optional<ObjectId> from(Bytes octets);
  /// Of a commit with this content, by the hash whose names are `size` octets long (20 or 32).
  static ObjectId of_commit(std::string_view content, std::size_t size);

  [[nodiscard]] std::size_t size() const { return size_; }  ///< 20 or 32 octets
  [[nodiscard]] bool zero() const;                          ///< which says in a push that there is no object

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
  static constexpr std::size_t kSha1 = 20;
  static constexpr std::size_t kSha256 = 32;

 private:
  ObjectId() = default;
  std::array<std::uint8_t, kSha256> octets_{};
  std::size_t size_ = 0;
};

}  // namespace enforcer::git
