// Identities. A guest is known by its slot and epoch (invariant 9); its name is what people call it, never a key on the
// data path.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace enforcer {

/// The number of a guest within one gateway namespace, 1-0xffffff; it is the low 24 bits of the packet mark.
enum class Slot : std::uint32_t {};

/// A random id of one boot of one guest.
enum class Epoch : std::uint64_t {};

[[nodiscard]] Epoch random_epoch();
[[nodiscard]] std::string to_string(Epoch epoch);  ///< 16 hex digits
[[nodiscard]] Result<Epoch> parse_epoch(std::string_view text);

using Labels = std::map<std::string, std::string, std::less<>>;

/// A guest's name: 1-40 characters of [a-z0-9-], beginning and ending with a letter or digit (it becomes a metric label
/// and a directory name).
class GuestName {
 public:
  static Result<GuestName> parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  friend auto operator<=>(const GuestName&, const GuestName&) = default;

 private:
  explicit GuestName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// The id of one decision: what a guest is told, what the log holds and what a person searches for.
/// 26 characters of Crockford base 32: 48 bits of milliseconds since 1970 and 80 random bits, so ids sort by time.
class DecisionId {
 public:
  static DecisionId make();
  [[nodiscard]] std::string_view text() const { return {text_.data(), text_.size()}; }
  friend auto operator<=>(const DecisionId&, const DecisionId&) = default;

 private:
  std::array<char, 26> text_{};
};

}  // namespace enforcer

template <>
struct std::hash<enforcer::GuestName> {
  std::size_t operator()(const enforcer::GuestName& name) const noexcept {
    return std::hash<std::string>{}(name.text());
  }
};
